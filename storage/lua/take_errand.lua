-- Lends an errand that is due to one process, until a time.
-- KEYS 1 errands  2 the errand
-- ARGV 1 errand  2 now_ms  3 until_ms
-- Gives all its fields, flat; an empty list when it is not due (any more).
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return {} end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'tries', 1)
redis.call('HINCRBY', KEYS[2], 'fence', 1)
return redis.call('HGETALL', KEYS[2])
