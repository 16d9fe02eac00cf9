-- Takes in what a member wrote for an activity that is open, once.
-- KEYS 1 once  2 the activity  3 last number  4 submissions  5 states  6 waiting  7 all of the activity  8 shown of the activity  9 counts
--      10 counts of the day  11 the author's numbers  12 events
-- ARGV 1 now_ms  2 community  3 activity  4 the submission (JSON)  5 state: waiting, help or approved
--      6 author's member number ('' nobody is named)  7 his field among the counts of the day  8 most of his in the activity (0 any number)
--      9 most of his a day (0 any number)  10 number of what it answers ('' nothing), which has to be shown in the same activity
--      11 life of the once mark in ms  12 life of the day's counts in ms  13 id of the act for the event log
--      14 where nobody is named, random numbers (comma separated), of which the first free one is taken ('' the next number in order)
-- Gives 'outcome|number|how many of his in the activity': ok, closed (the activity takes nothing), most, day (a limit was reached) or gone
-- (what it answers is not there). A repeat gets its first result. Of what nobody is named for, nothing is written to the event log: what stands
-- beside it there would tell whose it is.
local first = redis.call('GET', KEYS[1])
if first then return first end
local author, number, mine = ARGV[6], 0, 0
local function say(outcome)
  local result = string.format('%s|%d|%d', outcome, number, mine)
  redis.call('SET', KEYS[1], result, 'PX', ARGV[11])
  return result
end
local state, closes = unpack(redis.call('HMGET', KEYS[2], 'state', 'closes'))
closes = tonumber(closes or '') or 0
if state ~= 'open' or (closes > 0 and tonumber(ARGV[1]) >= closes) then return say('closed') end
local field = ARGV[3] .. '|' .. author
if author ~= '' then mine = tonumber(redis.call('HGET', KEYS[9], field) or '0') end
if author ~= '' and tonumber(ARGV[8]) > 0 and mine >= tonumber(ARGV[8]) then return say('most') end
if tonumber(ARGV[9]) > 0 and tonumber(redis.call('HGET', KEYS[10], ARGV[7]) or '0') >= tonumber(ARGV[9]) then return say('day') end
if ARGV[10] ~= '' and not redis.call('ZSCORE', KEYS[8], ARGV[10]) then return say('gone') end
local function is_free() return redis.call('HEXISTS', KEYS[4], number) == 0 end
for drawn in string.gmatch(ARGV[14], '%d+') do
  number = tonumber(drawn)
  if is_free() then break end
end
while number == 0 or not is_free() do number = ARGV[14] == '' and redis.call('INCR', KEYS[3]) or number + 1 end
redis.call('HSET', KEYS[4], number, ARGV[4])
redis.call('HSET', KEYS[5], number, ARGV[5] .. '|0|0|0||')
-- whose numbers are drawn have no order of arrival, neither by number nor in the list: it would say when each was said, and so who said it
local others = ARGV[14] ~= '' and redis.call('LRANGE', KEYS[7], -50, -1) or {}
local beside = others[number % (#others + 1) + 1]
if beside then redis.call('LINSERT', KEYS[7], 'BEFORE', beside, number) else redis.call('RPUSH', KEYS[7], number) end
if ARGV[5] == 'approved' then
  redis.call('ZADD', KEYS[8], -number, number)
else
  -- words of despair come first
  redis.call('ZADD', KEYS[6], ARGV[5] == 'help' and number - 1000000000 or number, number)
end
redis.call('HINCRBY', KEYS[10], ARGV[7], 1)
redis.call('PEXPIRE', KEYS[10], ARGV[12])
if author ~= '' then
  mine = redis.call('HINCRBY', KEYS[9], field, 1)
  redis.call('RPUSH', KEYS[11], number)
  redis.call('XADD', KEYS[12], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', author, 'id', ARGV[13], 'data',
    string.format('{"act":"submit","activity":%d,"number":%d,"state":"%s"}', ARGV[3], number, ARGV[5]))
end
return say('ok')
