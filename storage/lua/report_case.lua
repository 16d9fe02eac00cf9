-- uses: tally, cases
-- Takes a member's report: into the case about the same words, or a new one, once.
-- KEYS 1 once  2 cases  3 states  4 queue  5 evidence  6 cases by text  7 what happened  8 reports by case  9 records of reporters
--      10 reports of the day  11 what the reporter reported  12 events  13 counts of the day  14 places
-- ARGV 1 now_ms  2 community  3 reporter  4 once id  5 case (JSON, without its number)  6 sealed evidence  7 once_life_ms  8 mark of the words
--      9 member who is reported (0 unknown)  10 life of the day's counts in ms  11 most reports a day  12 most of one and the same a day
--      13 how long words are taken for the same, in ms  14 how many reporters' words a case keeps  15 most reporters that a case names
--      16 whether words are quoted, and not only a member named: 1 or 0  17 whether the reporter wrote something: 1 or 0
-- Gives 'outcome|number|member|weight': filed (a new case), joined, again (he reported it before), noted (so, and what he wrote now is kept), decided
-- (people decided already of these words of this member), day or one (a limit). A case that was decided takes no other report.
-- member: whom the case is about, 0 unknown. weight: what this report weighs. A repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local now, reporter, about = tonumber(ARGV[1]), ARGV[3], ARGV[9]
local accepted, refused = string.match(redis.call('HGET', KEYS[9], reporter) or '0|0', '^(%d+)|(%d+)$')
local weight = (tonumber(accepted) + 1) / (tonumber(accepted) + tonumber(refused) + 2)

local function say(outcome, number, member)
  local result = string.format('%s|%d|%s|%.3f', outcome, number, member, weight)
  redis.call('SET', KEYS[1], result, 'PX', ARGV[7])
  return result
end

if tonumber(redis.call('HGET', KEYS[10], reporter) or '0') >= tonumber(ARGV[11]) then return say('day', 0, about) end
if about ~= '0' and tonumber(redis.call('HGET', KEYS[10], reporter .. ':' .. about) or '0') >= tonumber(ARGV[12]) then
  return say('one', 0, about)
end

-- the case about the same words that waits, of the member who is meant or where nobody knows whose they are; decided ones only where it is known
-- that the same member said these words
local function case_of(field)
  local number, age = cases.known(KEYS[6], field, now)
  if not number or age > tonumber(ARGV[13]) then return nil end
  local last, s = cases.last(KEYS[3], number)
  if not s then return nil end
  local member = string.format('%d', cjson.decode(redis.call('HGET', KEYS[2], last)).member)
  if about ~= '0' and member ~= '0' and member ~= about then return nil end
  if not redis.call('ZSCORE', KEYS[4], last) and (ARGV[16] ~= '1' or about == '0' or member ~= about) then return nil end
  return last, s, member
end

local number, s, member
if about ~= '0' then number, s, member = case_of(about .. ':' .. ARGV[8]) end
if not number then number, s, member = case_of(ARGV[8]) end
local outcome = 'joined'
if not number then
  outcome, member = 'filed', about
  number = string.format('%d', redis.call('HLEN', KEYS[2]) + 1)
  s = {state = 'open', t = ARGV[1], revision = 0, holder = '', weight = 0, into = '', again = 0, notes = 0}
  redis.call('HSET', KEYS[2], number, ARGV[5])
  redis.call('HSET', KEYS[5], number, ARGV[1] .. '|' .. ARGV[6])
  redis.call('HSET', KEYS[6], ARGV[8], number .. '|' .. ARGV[1] .. '|file')
  if about ~= '0' then redis.call('HSET', KEYS[6], about .. ':' .. ARGV[8], number .. '|' .. ARGV[1] .. '|file') end
  redis.call('ZADD', KEYS[4], ARGV[1], number)
  tally.count(KEYS[13], KEYS[14], 'cases', 1)
  redis.call('XADD', KEYS[12], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', '0', 'id', ARGV[4], 'data',
    '{"case":' .. number .. ',"by":"report"}')
end
-- keeps what a reporter wrote to a case that is there; false where there is nothing, or no room
local function keep()
  if ARGV[17] ~= '1' or s.notes >= tonumber(ARGV[14]) then return false end
  s.notes = s.notes + 1
  redis.call('HSET', KEYS[5], number .. '.r' .. s.notes, ARGV[1] .. '|' .. ARGV[6])
  cases.write(KEYS[3], number, s)
  return true
end

-- one more of his reports that day
local function counted()
  redis.call('HINCRBY', KEYS[10], reporter, 1)
  if member ~= '0' then redis.call('HINCRBY', KEYS[10], reporter .. ':' .. member, 1) end
  redis.call('PEXPIRE', KEYS[10], ARGV[10])
end

if cases.is_reporter(KEYS[8], number, reporter) then
  if not keep() then return say('again', number, member) end
  counted()
  return say('noted', number, member)
end
counted()
redis.call('HSET', KEYS[11], number, member .. '|' .. ARGV[1])
if outcome == 'joined' then keep() end
if not redis.call('ZSCORE', KEYS[4], number) then return say('decided', number, member) end

local listed = redis.call('HGET', KEYS[8], number) or ''
local _, reporters = string.gsub(listed, ':', ':')
if reporters < tonumber(ARGV[15]) then
  redis.call('HSET', KEYS[8], number, (listed ~= '' and listed .. ',' or '') .. string.format('%s:%.3f', reporter, weight))
  s.weight = s.weight + weight
  redis.call('ZADD', KEYS[4], cases.place(redis.call('ZSCORE', KEYS[4], number), weight), number)
  cases.tell(KEYS[7], number, {act = 'report', by = tonumber(reporter), t = now})
end
cases.write(KEYS[3], number, s)
return say(outcome, number, member)
