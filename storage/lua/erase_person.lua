-- Removes a person's row from the directory: from then on nothing leads from his number to him.
-- KEYS 1 ids  2 users  3 names  4 homes  5 epoch  6 who has a name  7 chosen
-- ARGV 1 member number
-- Gives 1, or 0 when there was no such row.
local user = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('INCR', KEYS[5])
if not user then return 0 end
redis.call('HDEL', KEYS[1], user)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('HDEL', KEYS[7], ARGV[1])
return 1
