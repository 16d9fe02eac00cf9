-- Puts a delivery off: it stays the head of its queue.
-- KEYS 1 queue  2 due  3 leases
-- ARGV 1 member of due  2 fence  3 at_ms  4 item as it is to be from now on (JSON)
-- Gives 1, or 0 when the lease was lost: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('LSET', KEYS[1], 0, ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
