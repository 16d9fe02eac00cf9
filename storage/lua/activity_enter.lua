-- uses: tally, ledger
-- Takes a member's entry, or a piece of it, into an activity that is open; or takes it out again; or forgets him.
-- KEYS 1–14 of the ledger  15 the member's rows  16 the activity  17 entries  18 order of arrival  19 counts  20 scores
-- ARGV 1–6 of the ledger  7 member  8 act: enter, withdraw, erase  9 part ('' the entry itself)  10 number of the activity  11 value
--      12 1 it takes the place of the first  13 1 a piece takes its member in  14 round that has to run ('' no matter)  15 score  16 race ('' none)
--      17 bonuses of the race: 3,2,1  18 team ('' none)  19 1 its tallies are not kept with it  20 1 its value stays when the member is erased
--      21 most members  22 most pieces  23 most points a day for activities  24 most points a day at all (0 none)
--      25 first day (ordinal) on which points that go back may lapse  26 1 the event names nobody
--      27 counters of the day that it raises (comma separated)  28… counters that it raises
-- A member's record is JSON: p his pieces by part, '' the entry itself, a the award that he has of it. A piece: s number by arrival (of the entry
-- itself), t when (ms), v value, n score, o place in its race, c counters, g team, d points paid, l their lots, k 1 its value stays.
-- Gives 'outcome|seq|order|score|points|balance|earned|entries|value that is kept': ok, changed, same, already, closed, early, late, round, full,
-- short; withdrawn: ok, out (there was none), closed, early; erased: ok, out. A repeat gets its first result (the value as it is kept now).
local UNIT = 16777216 -- a score stands above, below it who reached his later: equal scores are in the order in which they were reached
local member, act, part, number, value = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local activity = {}
do
  local names = {'state', 'closes', 'round', 'round_until', 'cost', 'award', 'most', 'entries', 'kind', 'title'}
  for at, kept in ipairs(redis.call('HMGET', KEYS[16], unpack(names))) do activity[names[at]] = kept or '' end
end
local kept = redis.call('HGET', KEYS[17], member)
local record = kept and cjson.decode(kept) or {p = {}}

local function value_of(name) return record.p[name] and record.p[name].v or '' end
local first = ledger.first()
if first then return first .. '|' .. value_of(part) end

local function say(outcome, piece, points)
  local main = record.p['']
  piece = piece or {}
  return ledger.keep(string.format('%s|%d|%d|%d|%d|%d|%d|%d', outcome, main and main.s or 0, piece.o or 0, piece.n or 0, points or 0,
    ledger.balance(member), ledger.earned(member), tonumber(redis.call('HGET', KEYS[16], 'entries') or '0'))) .. '|' .. value_of(part)
end

local function count(name, n)
  if redis.call('HINCRBY', KEYS[19], name, n) == 0 then redis.call('HDEL', KEYS[19], name) end
end

local function add_score(n, team)
  if n == 0 then return end
  local total = math.floor(tonumber(redis.call('ZSCORE', KEYS[20], member) or '0') / UNIT) + n
  local stamp = math.min(UNIT - 1, redis.call('HINCRBY', KEYS[16], 'stamp', 1))
  if total == 0 then
    redis.call('ZREM', KEYS[20], member)
  else
    redis.call('ZADD', KEYS[20], string.format('%.0f', total * UNIT + UNIT - 1 - stamp), member)
  end
  if team then count('team|' .. team, n) end
end

-- what a piece counted for counts no more
local function take_out(piece)
  for _, name in ipairs(piece.c or {}) do count('tally|' .. name, -1) end
  add_score(-(piece.n or 0), piece.g)
end

local function put(is_empty)
  if is_empty then redis.call('HDEL', KEYS[17], member) else redis.call('HSET', KEYS[17], member, cjson.encode(record)) end
end

local function log(what)
  redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[26] == '1' and '0' or member, 'id',
    ARGV[26] == '1' and '' or ARGV[3],
    'data', string.format('{"act":"activity","what":"%s","activity":%s,"kind":"%s"}', what, number, activity.kind))
end

local note = '活动 ' .. number .. ' ' .. string.gsub(activity.title, '|', '/')
local rows = {[member] = KEYS[15]}

if act == 'erase' then
  if not kept then return say('out') end
  local has_begun_to_end = activity.state == 'closed' or activity.state == 'settled' or activity.state == 'cancelled'
  for name, piece in pairs(record.p) do
    if not has_begun_to_end then
      take_out(piece)
    elseif not piece.k then
      piece.v = nil
    end
  end
  if has_begun_to_end then
    put() -- what was counted and numbered stays, of a number that leads to nobody
  else
    if record.p[''] then redis.call('HINCRBY', KEYS[16], 'entries', -1) end
    redis.call('ZREM', KEYS[18], member)
    record.p = {}
    put(true)
  end
  return say('ok')
end

local now = tonumber(ARGV[1])
if activity.state == 'draft' or activity.state == 'scheduled' then return say('early') end
if activity.state ~= 'open' or (activity.closes ~= '' and now >= tonumber(activity.closes)) then return say('closed') end

if act == 'withdraw' then
  local piece = record.p[part]
  if not piece then return say('out') end
  local leaves = part == ''
  if leaves then
    for _, one in pairs(record.p) do take_out(one) end
    redis.call('ZREM', KEYS[18], member)
    redis.call('HINCRBY', KEYS[16], 'entries', -1)
    ledger.lapse(member, KEYS[15])
    if (piece.d or 0) > 0 then
      local lots = ledger.read_lots(piece.l)
      for _, lot in ipairs(lots) do lot[1] = math.max(lot[1], tonumber(ARGV[25])) end
      ledger.move{from = 'events', to = member, n = piece.d, reason = 'event_refund', actor = member, note = note, rows = rows, lots = lots}
    end
    -- the award goes back as far as it is there; what is not stays noted, so that nobody gets it twice by coming and going
    local back = math.min(record.a or 0, ledger.balance(member))
    if back > 0 then
      ledger.move{from = member, to = 'treasury', n = back, reason = 'event', actor = member, note = note, rows = rows, counts = true}
    end
    record.a = (record.a or 0) > back and record.a - back or nil
    record.p = {}
  else
    take_out(piece)
    record.p[part] = nil
  end
  put(not next(record.p) and not record.a)
  log('withdrawn')
  return say('ok')
end

local round = ARGV[14]
if round ~= '' and round ~= activity.round then return say('round') end
if round ~= '' and activity.round_until ~= '' and now >= tonumber(activity.round_until) then return say('late') end
local before = record.p[part]
if before and ARGV[12] ~= '1' then return say('already', before) end
if before and before.v == value then return say('same', before) end
local pieces = 0
for _ in pairs(record.p) do pieces = pieces + 1 end
if not before and pieces >= tonumber(ARGV[22]) then return say('full') end

local joins = not record.p[''] and (part == '' or ARGV[13] == '1')
local cost, points, main = tonumber(activity.cost), 0, record.p['']
if joins then
  local entries, most = tonumber(activity.entries), tonumber(activity.most)
  if entries >= tonumber(ARGV[21]) or (most > 0 and entries >= most) then return say('full') end
  ledger.lapse(member, KEYS[15])
  main = {t = now, v = ''}
  if cost > 0 then
    local lots, why = ledger.move{from = member, to = 'events', n = cost, reason = 'event_cost', actor = member, note = note, rows = rows}
    if why then return say(why) end
    main.d = cost
    if #lots > 0 then main.l = ledger.write_lots(lots) end
  end
  main.s = redis.call('HINCRBY', KEYS[16], 'seq', 1)
  redis.call('ZADD', KEYS[18], main.s, member)
  redis.call('HINCRBY', KEYS[16], 'entries', 1)
  record.p[''] = main
  points = tonumber(activity.award) - (record.a or 0)
  if points > 0 then points = ledger.room(member, 'event', points, tonumber(ARGV[23]), tonumber(ARGV[24])) end
  if points > 0 then
    ledger.move{from = 'treasury', to = member, n = points, reason = 'event', actor = member, note = note, rows = rows, counts = true}
    record.a = (record.a or 0) + points
  end
end

if before then take_out(before) end
local piece = part == '' and main or {}
piece.t, piece.v, piece.c, piece.o, piece.g = now, value, nil, nil, ARGV[18] ~= '' and ARGV[18] or nil
piece.k = ARGV[20] == '1' and 1 or nil
piece.n = tonumber(ARGV[15])
if ARGV[16] ~= '' then
  piece.o = redis.call('HINCRBY', KEYS[19], 'race|' .. ARGV[16], 1)
  local place = 0
  for bonus in string.gmatch(ARGV[17], '%d+') do
    place = place + 1
    if place == piece.o then piece.n = piece.n + tonumber(bonus) end
  end
end
local tallies = {}
for name in string.gmatch(ARGV[27], '[^,]+') do tally.count(KEYS[13], KEYS[14], name, 1) end
for at = 28, #ARGV do
  count('tally|' .. ARGV[at], 1)
  tallies[#tallies + 1] = ARGV[at]
end
if #tallies > 0 and ARGV[19] ~= '1' then piece.c = tallies end
add_score(piece.n, piece.g)
local said = piece.n
if piece.n == 0 then piece.n = nil end
record.p[part] = piece
put()
log(before and 'changed' or 'entered')
return say(before and 'changed' or 'ok', {o = piece.o, n = said}, math.max(0, points))
