-- Brings a member's rows of layout 2 into their present shape, once.
-- KEYS 1 his rows  2 board of all time
-- ARGV 1 member  2 what he earned  3 row of sums, if he was erased  4… rows
-- Gives how many rows there are now, 0 where it was done before.
local first = redis.call('LINDEX', KEYS[1], 0)
if first and select(2, string.gsub(first, '|', '|')) ~= 3 then return 0 end
redis.call('DEL', KEYS[1])
if not first then return redis.call('RPUSH', KEYS[1], ARGV[3]) end
for at = 4, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[at]) end
if tonumber(ARGV[2]) > 0 then redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1]) end
return #ARGV - 3
