-- Takes a lease that is free, or renews one's own.
-- KEYS 1 lease  2 how often it changed hands
-- ARGV 1 holder  2 life_ms
-- Gives the holder's number, which is greater than that of all holders before him; 0 while another has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if holder then return tonumber(redis.call('GET', KEYS[2]) or redis.call('INCR', KEYS[2])) end
return redis.call('INCR', KEYS[2])
