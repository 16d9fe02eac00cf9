-- Welcomes those who wait for it in one group, together and once: who was welcomed elsewhere meanwhile makes this call try anew.
-- KEYS 1 waiting newcomers  2 welcomed (bitmap)  3 due index of the shard  4 events  5 counts of the day  6 outbox due
--      7… the outbox queue of each delivery
-- ARGV 1 now_ms  2 community  3 chat  4 life of the counters in ms  5 shard  6 how long those who are left wait for others, in ms
--      7 number of newcomers whose wait is over  8 number of these who are told of; then the numbers of all, those who are told of first; then
--      for each delivery its member of due and its item (JSON)
-- Gives 1, or 0 when one of them was welcomed or is not waiting any more: then nothing was done.
local all, told = tonumber(ARGV[7]), tonumber(ARGV[8])
for at = 9, 8 + all do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0 then return 0 end
  if at < 9 + told and redis.call('GETBIT', KEYS[2], ARGV[at]) == 1 then return 0 end
end
for at = 9, 8 + all do
  redis.call('HDEL', KEYS[1], ARGV[at])
  if at < 9 + told then
    redis.call('SETBIT', KEYS[2], ARGV[at], 1)
    redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[at], 'id', '', 'data', '{"act":"welcome"}')
  end
end
local bell = ARGV[2] .. '|' .. ARGV[3]
if redis.call('HLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[3], bell)
else
  redis.call('ZADD', KEYS[3], ARGV[1] + ARGV[6], bell)
end
if told > 0 and redis.call('HINCRBY', KEYS[5], 'welcomes', told) == told then redis.call('PEXPIRE', KEYS[5], ARGV[4]) end
local at = 9 + all
for queue = 7, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[6], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 6 then redis.call('PUBLISH', 'qb:bell', ARGV[5]) end
return 1
