-- Forgets the failures of a target that answered.
-- KEYS 1 trouble
-- Gives since when (ms) its circuit was open, 0 when it was not.
local since = tonumber(redis.call('HGET', KEYS[1], 'since') or '0')
redis.call('DEL', KEYS[1])
return since
