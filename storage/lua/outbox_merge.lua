-- Makes one delivery of the leased head of a queue and those right behind it; the lease stays.
-- KEYS 1 queue  2 due  3 leases
-- ARGV 1 member of due  2 fence  3 the merged item (JSON)  then the items behind the head that are in it, as they were read
-- Gives 1, or 0 when the lease was lost or the queue is another by now: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
local behind = redis.call('LRANGE', KEYS[1], 1, #ARGV - 3)
for i = 4, #ARGV do
  if behind[i - 3] ~= ARGV[i] then return 0 end
end
for _ = 4, #ARGV do redis.call('LPOP', KEYS[1]) end
redis.call('LSET', KEYS[1], 0, ARGV[3])
return 1
