-- Settles an errand that was lent: done, or to be tried again. What was asked for meanwhile is done anew.
-- KEYS 1 errands  2 the errand
-- ARGV 1 errand  2 fence  3 hints at the time of taking it  4 again_ms ('' done)  5 anew_ms: when, if it was asked for meanwhile
-- Gives 1, or 0 when it was lent to another in the meantime: then nothing was done.
local now = redis.call('HMGET', KEYS[2], 'fence', 'hints')
if now[1] ~= ARGV[2] then return 0 end
if now[2] ~= ARGV[3] then
  redis.call('HDEL', KEYS[2], 'tries', 'begun')
  redis.call('ZADD', KEYS[1], ARGV[5], ARGV[1])
elseif ARGV[4] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2])
else
  redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
end
return 1
