-- Puts a webhook's key in force and refuses the one before it.
-- KEYS 1 sealed keys by place  2 digests of refused keys
-- ARGV 1 place  2 the new key: digest|sealed  3 its digest  4 digest of the configured key that is in force if none was put here ('' none)
-- Gives 'replaced'; 'same' when it is in force already; 'refused' when it was itself replaced before.
if redis.call('SISMEMBER', KEYS[2], ARGV[3]) == 1 then return 'refused' end
local kept = redis.call('HGET', KEYS[1], ARGV[1])
local before = kept and string.match(kept, '^[^|]*') or ARGV[4]
if before == ARGV[3] then return 'same' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if before ~= '' then redis.call('SADD', KEYS[2], before) end
return 'replaced'
