-- Takes it upon one message to welcome a member, if nobody has: then he does not wait for the common welcome any more.
-- KEYS 1 once  2 welcomed (bitmap)
-- ARGV 1 member  2 once_life_ms
-- Gives 1 when this message welcomes him (a repeat of it too), else 0.
local first = redis.call('GET', KEYS[1])
if first then return tonumber(first) end
local won = 1 - redis.call('SETBIT', KEYS[2], ARGV[1], 1)
redis.call('SET', KEYS[1], won, 'PX', ARGV[2])
return won
