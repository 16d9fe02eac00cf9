-- Marks an errand as begun, or takes the mark back, for whoever it is lent to.
-- KEYS 1 the errand
-- ARGV 1 fence  2 begun: 1 to mark, 0 to take back
-- Gives 1, or 0 when it is lent to another, is over, or was begun before: then nothing was done.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
if ARGV[2] == '1' then return redis.call('HSETNX', KEYS[1], 'begun', '1') end
return redis.call('HDEL', KEYS[1], 'begun')
