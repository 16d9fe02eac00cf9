-- Files a case about a message, once.
-- KEYS 1 once  2 cases  3 states  4 open cases  5 evidence  6 strikes of the member  7 events
-- ARGV 1 now_ms  2 community  3 member  4 once id  5 case (JSON, without its number)  6 state: open or warned  7 sealed evidence
--      8 once_life_ms  9 event data (JSON, without the number)
-- Gives 'number|strikes'; a repeat gets its first result. A case that begins as warned counts a strike at once.
local before = redis.call('GET', KEYS[1])
if before then return before end
local number = redis.call('HLEN', KEYS[2]) + 1
redis.call('HSET', KEYS[2], number, ARGV[5])
redis.call('HSET', KEYS[3], number, ARGV[6])
redis.call('ZADD', KEYS[4], ARGV[1], number)
redis.call('HSET', KEYS[5], number, ARGV[1] .. '|' .. ARGV[7])
if ARGV[6] == 'warned' then redis.call('RPUSH', KEYS[6], number) end
local result = number .. '|' .. redis.call('LLEN', KEYS[6])
redis.call('SET', KEYS[1], result, 'PX', ARGV[8])
redis.call('XADD', KEYS[7], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data',
  '{"case":' .. number .. ',' .. string.sub(ARGV[9], 2))
return result
