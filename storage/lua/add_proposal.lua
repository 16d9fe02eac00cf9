-- Keeps a proposal under the next number, once; the oldest goes when too many wait.
-- KEYS 1 once  2 proposals  3 number of the last one
-- ARGV 1 proposal (JSON)  2 once_life_ms  3 most that wait
-- Gives its number; a repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return tonumber(first) end
local number = redis.call('INCR', KEYS[3])
redis.call('HSET', KEYS[2], number, ARGV[1])
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[3]) then
  local oldest
  for _, waiting in ipairs(redis.call('HKEYS', KEYS[2])) do
    if not oldest or tonumber(waiting) < oldest then oldest = tonumber(waiting) end
  end
  redis.call('HDEL', KEYS[2], string.format('%d', oldest))
end
redis.call('SET', KEYS[1], number, 'PX', ARGV[2])
return number
