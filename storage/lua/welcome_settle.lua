-- uses: tally
-- Welcomes those who wait for it in one group, together and once: who was welcomed elsewhere meanwhile makes this call try anew.
-- KEYS 1 waiting newcomers  2 welcomed (bitmap)  3 due index of the shard  4 events  5 counts of the day  6 outbox due
--      7 places  8… the outbox queue of each delivery
-- ARGV 1 now_ms  2 community  3 chat  4 shard  5 how long those who are left wait for others, in ms
--      6 number of newcomers whose wait is over  7 number of these who are told of; then the numbers of all, those who are told of first; then
--      for each delivery its member of due and its item (JSON)
-- Gives 1, or 0 when one of them was welcomed or is not waiting any more: then nothing was done.
local all, told = tonumber(ARGV[6]), tonumber(ARGV[7])
for at = 8, 7 + all do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0 then return 0 end
  if at < 8 + told and redis.call('GETBIT', KEYS[2], ARGV[at]) == 1 then return 0 end
end
for at = 8, 7 + all do
  redis.call('HDEL', KEYS[1], ARGV[at])
  if at < 8 + told then
    redis.call('SETBIT', KEYS[2], ARGV[at], 1)
    redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[at], 'id', '', 'data', '{"act":"welcome"}')
  end
end
local bell = ARGV[2] .. '|' .. ARGV[3]
if redis.call('HLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[3], bell)
else
  redis.call('ZADD', KEYS[3], ARGV[1] + ARGV[5], bell)
end
if told > 0 then tally.count(KEYS[5], KEYS[7], 'welcomes', told) end
local at = 8 + all
for queue = 8, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[6], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 7 then redis.call('PUBLISH', 'qb:bell', ARGV[4]) end
return 1
