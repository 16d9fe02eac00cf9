-- Keeps private words for a member's next single chat, once.
-- KEYS 1 notices  2 once
-- ARGV 1 text  2 life_ms
-- Gives 1, or 0 when it was done before.
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) == false then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -50, -1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
