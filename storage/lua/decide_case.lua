-- Decides a case: its state changes, a strike is counted or lifted, the amendment and the audit row are written, once.
-- KEYS 1 once  2 states  3 open cases  4 amendments  5 strikes of the member  6 events
-- ARGV 1 now_ms  2 community  3 actor's member number  4 once id  5 case number  6 new state: warned or ignored  7 once_life_ms
--      8 member the case is about  9 whether only an undecided case may be decided: 1 or 0
-- Gives 'state before|strikes now'; '' when there is no such case; 'state|strikes now|who decided it' when 9 forbids it and nothing was
--       done (who: 0 unknown); a repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local number, before = ARGV[5], redis.call('HGET', KEYS[2], ARGV[5])
if not before then return '' end
if ARGV[9] == '1' and not redis.call('ZSCORE', KEYS[3], number) then
  local by = 0
  local rows = redis.call('LRANGE', KEYS[4], -1000, -1)
  for at = #rows, 1, -1 do
    local row = cjson.decode(rows[at])
    if row.case == tonumber(number) then
      by = row.by
      break
    end
  end
  local late = before .. '|' .. redis.call('LLEN', KEYS[5]) .. '|' .. string.format('%d', by)
  redis.call('SET', KEYS[1], late, 'PX', ARGV[7])
  return late
end
redis.call('HSET', KEYS[2], number, ARGV[6])
redis.call('ZREM', KEYS[3], number)
if ARGV[6] ~= before then
  if ARGV[6] == 'warned' then
    redis.call('RPUSH', KEYS[5], number)
  elseif before == 'warned' then
    redis.call('LREM', KEYS[5], 0, number)
  end
end
local row = cjson.encode({case = tonumber(number), by = tonumber(ARGV[3]), before = before, after = ARGV[6], t = tonumber(ARGV[1])})
redis.call('RPUSH', KEYS[4], row)
redis.call('XADD', KEYS[6], '*', 'v', '1', 't', ARGV[1], 'kind', 'admin', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data',
  '{"act":"decide_case","case":' .. number .. ',"before":"' .. before .. '","after":"' .. ARGV[6] .. '","about":' .. ARGV[8] .. '}')
local result = before .. '|' .. redis.call('LLEN', KEYS[5])
redis.call('SET', KEYS[1], result, 'PX', ARGV[7])
return result
