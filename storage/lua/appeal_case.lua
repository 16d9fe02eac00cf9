-- uses: tally, cases
-- Takes a member's appeal against what was decided of him, once for each decision; its case waits among the appeals then, and not in the queue.
-- KEYS 1 once  2 states  3 appeals by case  4 appeals that wait  5 appeals of the week  6 what happened  7 evidence  8 events  9 queue of cases  10 counts of the day  11 places
-- ARGV 1 now_ms  2 community  3 member  4 once id  5 case number  6 sealed words  7 once_life_ms  8 most a week  9 life of the week's counts in ms
-- Gives 'outcome|state': ok; again (against this decision he appealed before); week (too many this week); state (nothing there to appeal against); gone.
-- A repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local number, member = ARGV[5], ARGV[3]
local s = cases.read(KEYS[2], number)
if not s then return 'gone|' end

local function say(outcome)
  local result = outcome .. '|' .. s.state
  redis.call('SET', KEYS[1], result, 'PX', ARGV[7])
  return result
end

if s.state ~= 'warned' and s.state ~= 'hinted' then return say('state') end
local kept = redis.call('HGET', KEYS[3], number)
if kept and cjson.decode(kept).revision == s.revision then return say('again') end
if tonumber(redis.call('HGET', KEYS[5], member) or '0') >= tonumber(ARGV[8]) then return say('week') end
redis.call('HINCRBY', KEYS[5], member, 1)
redis.call('PEXPIRE', KEYS[5], ARGV[9])
redis.call('HSET', KEYS[3], number, cjson.encode({
  member = tonumber(member), revision = s.revision, t = tonumber(ARGV[1]), state = 'waiting', by = 0, why = '',
}))
redis.call('ZADD', KEYS[4], ARGV[1], number)
redis.call('ZREM', KEYS[9], number)
redis.call('HSET', KEYS[7], number .. '.a' .. s.revision, ARGV[1] .. '|' .. ARGV[6])
cases.tell(KEYS[6], number, {act = 'appeal', by = tonumber(member), t = tonumber(ARGV[1]), before = s.state, after = s.state})
redis.call('XADD', KEYS[8], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[4], 'data',
  '{"case":' .. number .. ',"appeal":true}')
tally.count(KEYS[10], KEYS[11], 'appeals', 1)
return say('ok')
