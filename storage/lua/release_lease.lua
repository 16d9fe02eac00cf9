-- Gives a lease back, if it is still one's own.
-- KEYS 1 lease
-- ARGV 1 holder
-- Gives 1 when it was given back, 0 when another holds it or nobody does.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
