-- uses: tally, ledger
-- Joins a challenge, checks in for a day of it, or leaves it.
-- KEYS 1–14 of the ledger  15 the member's rows  16 runs  17 proofs
-- ARGV 1–6 of the ledger  7 member  8 challenge  9 act: join, check_in, leave  10 days  11 misses allowed
--      12 due weekdays, Sunday to Saturday: 0111110  13 points a day  14 more points for the last  15 first day (ordinal, 0 none)
--      16 last day (ordinal, 0 none)  17 points earned that it takes to join  18 proof ('' none)  19 the challenge's title
--      20 most points a day for challenges  21 most points a day at all (0 none); what the last day brings besides its own is no part of that
-- A run is first day|state|days done: 1011…|how often finished|digest|its result. State: on, done, failed (too many misses), left.
-- Under ~|member stands how many challenges he has finished.
-- Gives 'outcome|done|missed|points|balance|earned|finished|times|first day': joined, ok (finished 1: that was the last day), left; or why not:
-- already, low (too few points earned), late (the days left do not suffice), over, early, out (not joined), done, failed, off (no due day).
-- A repeat of the message that changed the run last gets its first result.
local member, challenge, act, today = ARGV[7], ARGV[8], ARGV[9], ledger.today
local days, misses, weekdays = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local first_day, last_day = tonumber(ARGV[15]), tonumber(ARGV[16])
local field = challenge .. '|' .. member
local begin, state, marks, times, digest, result = string.match(
  redis.call('HGET', KEYS[16], field) or '0|left||0||', '^(%d+)|(%a+)|([01]*)|(%d+)|([^|]*)|(.*)$')
if digest ~= '' and digest == ARGV[3] then return (string.gsub(result, '/', '|')) end
begin, times = tonumber(begin), tonumber(times)

local function is_due(day) return string.sub(weekdays, day % 7 + 1, day % 7 + 1) == '1' end

-- due days from one to the day before another
local function due(from, till)
  if till <= from then return 0 end
  local weeks = math.floor((till - from) / 7)
  local n = weeks * select(2, string.gsub(weekdays, '1', ''))
  for day = from + weeks * 7, till - 1 do
    if is_due(day) then n = n + 1 end
  end
  return n
end

local function done_in(text) return select(2, string.gsub(text, '1', '')) end

local function missed() return math.max(0, due(begin, today) - done_in(string.sub(marks, 1, math.max(0, today - begin)))) end

local function say(outcome, points, finished)
  return string.format('%s|%d|%d|%d|%d|%d|%d|%d|%d', outcome, done_in(marks), begin > 0 and missed() or 0, points or 0,
    ledger.balance(member), ledger.earned(member), finished or 0, times, begin)
end

local function keep(said)
  redis.call('HSET', KEYS[16], field,
    string.format('%d|%s|%s|%d|%s|%s', begin, state, marks, times, ARGV[3], (string.gsub(said, '|', '/'))))
  redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[3],
    'data', string.format('{"act":"challenge","challenge":"%s","day":%d,"state":"%s","done":%d,"times":%d}',
      challenge, today, state, done_in(marks), times))
  return said
end

local is_lost = state == 'on' and missed() > misses
if act == 'join' then
  if last_day > 0 and today > last_day then return say('over') end
  if state == 'on' and not is_lost then return say('already') end
  if ledger.earned(member) < tonumber(ARGV[17]) then return say('low') end
  -- what was done today in a run before stays done, or later than that by a clock that is ahead: leaving and joining earns no day twice.
  -- The last day of a run that was finished is no day of the next one, which begins after it, also where that one was left before it began.
  local last = #marks > 0 and begin + #marks - 1 or 0
  local from = math.max(today, first_day, state == 'done' and last + 1 or #marks == 0 and begin or last)
  if last_day > 0 and due(from, last_day + 1) < days then return say('late') end
  begin, state, marks = from, 'on', last == from and '1' or ''
  return keep(say('joined'))
end
if state == 'left' then return say('out') end
if act == 'leave' then
  if state ~= 'on' then return say(state) end
  state = 'left'
  redis.call('HDEL', KEYS[17], field)
  return keep(say('left'))
end

if state == 'done' or state == 'failed' then return say(state) end
local index = today - begin + 1
if index < 1 or today < first_day then return say('early') end
if #marks >= index then return say('already') end
if last_day > 0 and today > last_day then return say('over') end
if is_lost then
  state = 'failed'
  return keep(say('failed'))
end
if not is_due(today) then return say('off') end

marks = marks .. string.rep('0', index - 1 - #marks) .. '1'
local points, finished = tonumber(ARGV[13]), 0
if points > 0 then points = ledger.room(member, 'challenge', points, tonumber(ARGV[20]), tonumber(ARGV[21])) end
if done_in(marks) >= days then
  state, times, finished, points = 'done', times + 1, 1, points + tonumber(ARGV[14])
  redis.call('HINCRBY', KEYS[16], '~|' .. member, 1)
end
if points > 0 then
  ledger.move{
    from = 'treasury', to = member, n = points, reason = 'challenge', actor = member, note = ARGV[19], rows = {[member] = KEYS[15]},
    counts = true,
  }
end
if ARGV[18] ~= '' then redis.call('HSET', KEYS[17], field, ARGV[1] .. '|' .. ARGV[18]) end
return keep(say('ok', points, finished))
