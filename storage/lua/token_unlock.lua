-- Gives a lock back, if it is still one's own.
-- KEYS 1 lock
-- ARGV 1 the random word with which it was taken
-- Gives 1, or 0 when it has passed to somebody else.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
