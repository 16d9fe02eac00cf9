-- Notes an unlisted group at its first message, up to a number.
-- KEYS 1 groups
-- ARGV 1 chat id  2 now_ms  3 most groups
-- Gives 1 when it is (now) registered, 0 when there are too many.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
