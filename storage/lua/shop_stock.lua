-- Adds to the stock of an item, once; n may be negative, but nothing is taken that is not there.
-- KEYS 1 once  2 stock  3 events
-- ARGV 1 now_ms  2 community  3 actor's member number  4 once id  5 item  6 n  7 most that may be there  8 once_life_ms
-- Gives 'before|after'; a repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local before = tonumber(redis.call('HGET', KEYS[2], ARGV[5]) or '0')
local after = math.max(0, math.min(before + tonumber(ARGV[6]), tonumber(ARGV[7])))
redis.call('HSET', KEYS[2], ARGV[5], string.format('%d', after))
local result = string.format('%d|%d', before, after)
redis.call('SET', KEYS[1], result, 'PX', ARGV[8])
redis.call('XADD', KEYS[3], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data',
  '{"act":"stock","item":' .. cjson.encode(ARGV[5]) .. ',"n":' .. string.format('%d', after - before) .. '}')
return result
