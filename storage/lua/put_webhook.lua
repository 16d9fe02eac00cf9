-- Puts a webhook's key in force at a place and refuses the one before it, or takes out the key that was put there.
-- KEYS 1 sealed keys by place  2 digests of refused keys  3 once
-- ARGV 1 place  2 the new key: digest|sealed, '' to take out what was put  3 its digest  4 digest of the configured key that is in force if
--      none was put here ('' none)  5 life of the once mark in ms
-- Gives {what was done, digest of the key before it or ''}: 'added' where there was none, 'replaced', 'removed'; nothing is done by 'same' (it
-- is in force already), 'refused' (it was replaced itself before), 'missing' (none to take out). A repeat of a change gives its first result.
local first = redis.call('GET', KEYS[3])
if first then return { string.match(first, '^[^|]*'), string.match(first, '[^|]*$') } end
local kept = redis.call('HGET', KEYS[1], ARGV[1])
local before = kept and string.match(kept, '^[^|]*') or ARGV[4]
local done
if ARGV[2] == '' then
  if not kept then return { 'missing', '' } end
  redis.call('HDEL', KEYS[1], ARGV[1])
  done = 'removed'
else
  if redis.call('SISMEMBER', KEYS[2], ARGV[3]) == 1 then return { 'refused', before } end
  if before == ARGV[3] then return { 'same', before } end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  if before ~= '' then redis.call('SADD', KEYS[2], before) end
  done = before == '' and 'added' or 'replaced'
end
redis.call('SET', KEYS[3], done .. '|' .. before, 'PX', ARGV[5])
return { done, before }
