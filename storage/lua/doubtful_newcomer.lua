-- Notes a member of a group whose first words were doubtful.
-- KEYS 1 doubtful newcomers of the group
-- ARGV 1 now_ms  2 member  3 for how long he counts in ms
-- Gives how many count now, he included.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[3])
redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -201)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('ZCARD', KEYS[1])
