-- Gives a member's WeCom user id to a new one: his number, and with it all that is kept of him, stays.
-- KEYS 1 ids  2 users  3 epoch
-- ARGV 1 old user id  2 new user id
-- Gives {'renamed', number}, {'unknown', 0} when nobody has the old id, or {'taken', number} when the new id is another member's already.
local number = redis.call('HGET', KEYS[1], ARGV[1])
if not number then return {'unknown', 0} end
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then return {'taken', tonumber(number)} end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[2], number)
redis.call('HSET', KEYS[2], number, ARGV[2])
redis.call('INCR', KEYS[3]) -- so that processes drop what they remember of the old id
return {'renamed', tonumber(number)}
