-- uses: cases
-- Files a case about a message, or adds the message to one: nobody is warned twice for one text, nor again so soon.
-- KEYS 1 once  2 cases  3 states  4 queue  5 evidence  6 strikes of the member  7 newest case by member  8 cases by text  9 what happened  10 events
-- ARGV 1 now_ms  2 community  3 member  4 once id  5 case (JSON, without its number)  6 act: file, hint or warn  7 sealed evidence  8 once_life_ms
--      9 event data (JSON, without the number)  10 mark of the text  11 lapse of strikes in ms (0 never)  12 cool-down in ms  13 weight
--      14 how many more texts a case keeps
-- Gives 'number|outcome|strikes': filed, hinted or warned (a case of its own, a warning counts a strike), or added (to an earlier one, nobody is
-- told). The same text of the same member is added to its case, save one that was only filed and would be warned for now; what would be warned
-- within the cool-down after a warning to that of the warning; what would be filed then to his newest, while that waits.
-- A repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local now, member, act = tonumber(ARGV[1]), ARGV[3], ARGV[6]
local lapse, cool_down = tonumber(ARGV[11]), tonumber(ARGV[12])
local by_text = member .. ':' .. ARGV[10]

local function say(number, outcome)
  local result = number .. '|' .. outcome .. '|' .. cases.strikes(KEYS[6], now, lapse)
  redis.call('SET', KEYS[1], result, 'PX', ARGV[8])
  return result
end

local function known(kept)
  local number, t, how = string.match(kept or '', '^(%d+)|(%d+)|(%a+)$')
  if not number then return nil end
  local s = cases.read(KEYS[3], number)
  if s and s.into ~= '' then
    number = s.into
    s = cases.read(KEYS[3], number)
  end
  return number, now - tonumber(t), how, s
end

local joined, is_same
local number, age, how, s = known(redis.call('HGET', KEYS[8], by_text))
if s and (lapse == 0 or age <= lapse) and not (act ~= 'file' and how == 'file' and s.state == 'open') then
  joined, is_same = number, true
else
  number, age, how, s = known(redis.call('HGET', KEYS[7], member))
  if s and age < cool_down and (act ~= 'file' and how ~= 'file' or act == 'file' and redis.call('ZSCORE', KEYS[4], number)) then joined = number end
end
if joined then
  s.again = s.again + 1
  cases.write(KEYS[3], joined, s)
  if s.again <= tonumber(ARGV[14]) then
    cases.tell(KEYS[9], joined, {act = 'again', by = 0, t = now})
    if not is_same then redis.call('HSET', KEYS[5], joined .. '.' .. s.again, ARGV[1] .. '|' .. ARGV[7]) end
  end
  if not is_same then redis.call('HSET', KEYS[8], by_text, joined .. '|' .. ARGV[1] .. '|' .. how) end
  return say(joined, 'added')
end

number = redis.call('HLEN', KEYS[2]) + 1
local state = act == 'warn' and 'warned' or act == 'hint' and 'hinted' or 'open'
redis.call('HSET', KEYS[2], number, ARGV[5])
cases.write(KEYS[3], number, {state = state, t = ARGV[1], revision = 0, holder = '', weight = tonumber(ARGV[13]), into = '', again = 0})
redis.call('ZADD', KEYS[4], cases.place(ARGV[1], tonumber(ARGV[13])), number)
redis.call('HSET', KEYS[5], number, ARGV[1] .. '|' .. ARGV[7])
if act == 'warn' then redis.call('ZADD', KEYS[6], ARGV[1], number) end
redis.call('HSET', KEYS[7], member, number .. '|' .. ARGV[1] .. '|' .. act)
redis.call('HSET', KEYS[8], by_text, number .. '|' .. ARGV[1] .. '|' .. act)
redis.call('HSET', KEYS[8], ARGV[10], number .. '|' .. ARGV[1] .. '|' .. act)
redis.call('XADD', KEYS[10], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[4], 'data',
  '{"case":' .. number .. ',' .. string.sub(ARGV[9], 2))
return say(number, state == 'open' and 'filed' or state)
