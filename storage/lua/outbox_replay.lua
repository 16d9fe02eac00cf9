-- Takes a dead letter back into its queue, at the end.
-- KEYS 1 queue  2 due  3 dead letters
-- ARGV 1 member of due  2 now_ms  3 delivery id  4 the dead letter as it was read  5 item (JSON)  6 shard
-- Gives 1, or 0 when somebody else has replayed or dropped it.
if redis.call('HGET', KEYS[3], ARGV[3]) ~= ARGV[4] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('RPUSH', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], 'NX', ARGV[2], ARGV[1])
redis.call('PUBLISH', 'qb:bell', ARGV[6])
return 1
