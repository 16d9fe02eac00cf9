-- Checks a member in, once a day: streak, reward and both sides of the ledger.
-- KEYS 1 once  2 check-ins  3 balances  4 ledger  5 the member's newest rows  6 events
-- ARGV 1 now_ms  2 member  3 community  4 once id  5 today  6 yesterday  7 rewards by streak, 1, 2, … (comma separated)
--      8 reason  9 once_life_ms  10 whether the rewards begin anew after the last: 1 or 0
-- Gives 'fresh|streak|reward|balance' with fresh 1 at today's first check-in, else 0; a repeat of the same message gets its first result.
local member = ARGV[2]
local before = redis.call('GET', KEYS[1])
if before then return before end
local last = redis.call('HGET', KEYS[2], member)
local day, streak = '', 0
if last then
  day, streak = string.match(last, '^([^|]*)|(%d+)$')
  streak = tonumber(streak)
end
local result
-- later than today: checked in by a process whose clock is ahead of ours; that must not open the day before again
if day >= ARGV[5] then
  result = '0|' .. streak .. '|0|' .. (redis.call('HGET', KEYS[3], member) or '0')
else
  streak = day == ARGV[6] and streak + 1 or 1
  local rewards = {}
  for reward in string.gmatch(ARGV[7], '%-?%d+') do rewards[#rewards + 1] = reward end
  local reward = rewards[ARGV[10] == '1' and (streak - 1) % #rewards + 1 or math.min(streak, #rewards)]
  redis.call('HSET', KEYS[2], member, ARGV[5] .. '|' .. streak)
  local balance = redis.call('HINCRBY', KEYS[3], member, reward)
  redis.call('HINCRBY', KEYS[3], 'treasury', -reward)
  redis.call('XADD', KEYS[4], '*', 't', ARGV[1], 'from', 'treasury', 'to', member, 'n', reward, 'reason', ARGV[8], 'actor', member, 'once', ARGV[4])
  redis.call('RPUSH', KEYS[5], ARGV[1] .. '|' .. reward .. '|' .. ARGV[8] .. '|' .. balance)
  redis.call('LTRIM', KEYS[5], -50, -1)
  redis.call('XADD', KEYS[6], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[3], 'm', member, 'id', ARGV[4],
    'data', '{"points":' .. reward .. ',"balance":' .. balance .. ',"streak":' .. streak .. ',"reason":"check_in"}')
  result = '1|' .. streak .. '|' .. reward .. '|' .. balance
end
redis.call('SET', KEYS[1], result, 'PX', ARGV[9])
return result
