-- uses: tally, cases
-- Files a case about a message, or adds the message to one: nobody is warned twice for one text, nor again so soon.
-- KEYS 1 once  2 cases  3 states  4 queue  5 evidence  6 strikes of the member  7 newest case and newest warning by member  8 cases by text  9 what happened  10 events
--      11 counts of the day  12 places
-- ARGV 1 now_ms  2 community  3 member  4 once id  5 case (JSON, without its number)  6 act: file, hint or warn  7 sealed evidence  8 once_life_ms
--      9 event data (JSON, without the number)  10 mark of the text  11 lapse of strikes in ms (0 never)  12 cool-down in ms  13 weight
--      14 how many more texts a case keeps
-- Gives 'number|outcome|strikes|state': filed, hinted or warned (a warning counts a strike), or added (to an earlier one, nobody is told); state is
-- how the case stands now. The same text of the same member is added to its case; where that waits and he would be warned now, it becomes the warning.
-- What would be warned within the cool-down after a warning is added to that of the warning; what would be filed then to his newest, while that
-- waits. A warning that people decided comes back to the queue when its text is said again later than a cool-down after they did.
-- A repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local now, member, act = tonumber(ARGV[1]), ARGV[3], ARGV[6]
local lapse, cool_down = tonumber(ARGV[11]), tonumber(ARGV[12])
local by_text = member .. ':' .. ARGV[10]

local function say(number, outcome, s)
  local result = number .. '|' .. outcome .. '|' .. cases.strikes(KEYS[6], now, lapse) .. '|' .. s.state
  redis.call('SET', KEYS[1], result, 'PX', ARGV[8])
  return result
end

local function known(key, field)
  local number, age, how = cases.known(key, field, now)
  if not number then return nil end
  local last, s = cases.last(KEYS[3], number)
  return last, age, how, s
end

-- keeps what was warned of, and when: by the text, and for the cool-down
local function keep(number)
  local row = number .. '|' .. ARGV[1] .. '|' .. act
  redis.call('HSET', KEYS[7], member, row)
  if act ~= 'file' then redis.call('HSET', KEYS[7], 'warned:' .. member, row) end
  redis.call('HSET', KEYS[8], by_text, row, ARGV[10], row)
end

local state = act == 'warn' and 'warned' or act == 'hint' and 'hinted' or 'open'
local joined, amended, is_same
local number, age, how, s = known(KEYS[8], by_text)
if s and (lapse == 0 or age <= lapse) then
  is_same = true
  if act ~= 'file' and s.state == 'open' then amended = number else joined = number end
end
if not joined then
  local other, since, kind, found = known(KEYS[7], act == 'file' and member or 'warned:' .. member)
  local waits = found and redis.call('ZSCORE', KEYS[4], other)
  if found and since < cool_down and (act == 'file' and waits or act ~= 'file' and (found.state == 'warned' or found.state == 'hinted')) then
    joined, how, s, is_same = other, kind, found, false
  end
end
if joined then
  s.again = s.again + 1
  cases.write(KEYS[3], joined, s)
  if s.again <= tonumber(ARGV[14]) then
    cases.tell(KEYS[9], joined, {act = 'again', by = 0, t = now})
    if not is_same then redis.call('HSET', KEYS[5], joined .. '.' .. s.again, ARGV[1] .. '|' .. ARGV[7]) end
  end
  if not is_same and not amended then redis.call('HSET', KEYS[8], by_text, joined .. '|' .. ARGV[1] .. '|' .. how) end
  if act ~= 'file' and s.by ~= '0' and (s.state == 'warned' or s.state == 'hinted') and now - tonumber(s.t) >= cool_down then
    redis.call('ZADD', KEYS[4], 'NX', cases.place(ARGV[1], s.weight), joined)
  end
  return say(joined, 'added', s)
end
if amended then
  s.again, s.state, s.t = s.again + 1, state, ARGV[1]
  cases.write(KEYS[3], amended, s)
  cases.tell(KEYS[9], amended, {act = act, by = 0, t = now, before = 'open', after = state})
  if act == 'warn' then redis.call('ZADD', KEYS[6], ARGV[1], amended) end
  keep(amended)
  if act == 'warn' then tally.count(KEYS[11], KEYS[12], 'warnings', 1) end
  redis.call('XADD', KEYS[10], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[4], 'data',
    '{"act":"amend_case","case":' .. amended .. ',"after":"' .. state .. '"}')
  return say(amended, state, s)
end

number = redis.call('HLEN', KEYS[2]) + 1
s = {state = state, t = ARGV[1], revision = 0, holder = '', weight = tonumber(ARGV[13]), into = '', again = 0}
redis.call('HSET', KEYS[2], number, ARGV[5])
cases.write(KEYS[3], number, s)
redis.call('ZADD', KEYS[4], cases.place(ARGV[1], tonumber(ARGV[13])), number)
redis.call('HSET', KEYS[5], number, ARGV[1] .. '|' .. ARGV[7])
if act == 'warn' then redis.call('ZADD', KEYS[6], ARGV[1], number) end
keep(number)
redis.call('XADD', KEYS[10], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[4], 'data',
  '{"case":' .. number .. ',' .. string.sub(ARGV[9], 2))
tally.count(KEYS[11], KEYS[12], 'cases', 1)
if act == 'warn' then tally.count(KEYS[11], KEYS[12], 'warnings', 1) end
return say(number, state == 'open' and 'filed' or state, s)
