-- Takes a dead letter back into its queue, at the end.
-- KEYS 1 queue  2 due  3 dead letters  4 what an act named once settled (none: it has no name)
-- ARGV 1 member of due  2 now_ms  3 delivery id  4 the dead letter as it was read  5 item (JSON)  6 shard
--      7 what is to be known of it for the act's repeats  8 life of that in ms
-- Gives 1, or 0 when somebody else has replayed or dropped it; a repeat of a named act gives 1.
if KEYS[4] and redis.call('EXISTS', KEYS[4]) == 1 then return 1 end
if redis.call('HGET', KEYS[3], ARGV[3]) ~= ARGV[4] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('RPUSH', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], 'NX', ARGV[2], ARGV[1])
if KEYS[4] then redis.call('SET', KEYS[4], ARGV[7], 'PX', ARGV[8]) end
redis.call('PUBLISH', 'qb:bell', ARGV[6])
return 1
