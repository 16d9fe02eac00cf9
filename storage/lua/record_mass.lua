-- Records a mass message that was started, once, and what it uses of its groups' monthly budget.
-- KEYS 1 mass messages  2 budget  3 once
-- ARGV 1 record (JSON)  2 month  3 once_life_ms  then each chat
-- Gives its number; a repeat gets the first one.
local before = redis.call('GET', KEYS[3])
if before then return tonumber(before) end
local number = redis.call('HINCRBY', KEYS[1], 'last', 1)
redis.call('HSET', KEYS[1], number, ARGV[1])
for at = 4, #ARGV do redis.call('HINCRBY', KEYS[2], ARGV[2] .. '|' .. ARGV[at], 1) end
redis.call('SET', KEYS[3], number, 'PX', ARGV[3])
return number
