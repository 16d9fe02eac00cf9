-- uses: tally, caps
-- Gives a delivery up: out of its queue, to the dead letters.
-- KEYS 1 queue  2 due  3 leases  4 dead letters  5… of a planned push and of a mailing as in outbox_done.lua
--      last, of one that took of the caps: the counts of that day
-- ARGV 1 member of due  2 fence  3 now_ms  4 delivery id  5 dead letter (JSON)  6 community  7 data of its event (JSON)
--      8 whether it counts in a mailing: 1 or 0  then the fields of the counts
-- Gives 1, or 0 when the lease was lost: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('LPOP', KEYS[1])
if redis.call('LLEN', KEYS[1]) > 0 then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('HSET', KEYS[4], ARGV[4], ARGV[5])
local is_push = #KEYS >= 9
if ARGV[8] == '1' then redis.call('HINCRBY', KEYS[is_push and 10 or 5], 'failed', 1) end
local fields = {}
for i = 9, #ARGV do fields[#fields + 1] = ARGV[i] end
if #fields > 0 then caps.hand_back(KEYS[#KEYS], fields) end -- who got nothing may be spoken to on that day
if is_push then
  tally.pushed(KEYS[5], KEYS[6], KEYS[7], 'pushes_failed')
  redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[3], 'kind', 'outbound', 'c', ARGV[6], 'm', '0', 'id', ARGV[4], 'data', ARGV[7])
end
return 1
