-- Puts the parts of a long delivery into its place, in order; the lease ends, the first part may go at once.
-- KEYS 1 queue  2 due  3 leases
-- ARGV 1 member of due  2 fence  3 now_ms  then the parts (JSON)
-- Gives 1, or 0 when the lease was lost: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('LPOP', KEYS[1])
for i = #ARGV, 4, -1 do redis.call('LPUSH', KEYS[1], ARGV[i]) end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
