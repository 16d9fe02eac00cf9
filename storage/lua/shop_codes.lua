-- Puts sealed codes to an item, once, each behind the others; a code that was ever put in here is passed over.
-- KEYS 1 once  2 codes of the item  3 digests of all codes  4 events
-- ARGV 1 now_ms  2 community  3 actor's member number  4 once id  5 item  6 once_life_ms  7… digest and sealed code of each
-- Gives 'added|passed over|left now'; a repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local added, doubled = 0, 0
for at = 7, #ARGV, 2 do
  if redis.call('SADD', KEYS[3], ARGV[at]) == 1 then
    redis.call('RPUSH', KEYS[2], ARGV[at + 1])
    added = added + 1
  else
    doubled = doubled + 1
  end
end
local result = string.format('%d|%d|%d', added, doubled, redis.call('LLEN', KEYS[2]))
redis.call('SET', KEYS[1], result, 'PX', ARGV[6])
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data',
  '{"act":"codes","item":' .. cjson.encode(ARGV[5]) .. ',"n":' .. string.format('%d', added) .. '}')
return result
