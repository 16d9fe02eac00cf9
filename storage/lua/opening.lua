-- uses: tally, ledger
-- Books what a member brings from elsewhere: points against the treasury, points earned in his life, check-ins, cards. What was booked is noted, so
-- the same again changes nothing, and other figures book the difference.
-- KEYS 1–14 of the ledger  15 the member's rows  16 openings  17 check-ins  18 days of the member  19 members
-- ARGV 1–6 of the ledger  7 member  8 points ('' nothing is said of them)  9 earned ('' as many as points)  10 lots day:n,… ('' as earned now,
--      - never lapse)  11 cards ('' nothing)  12 last check-in (ordinal, '' nothing is said of check-ins)  13 streak  14 longest  15 total
--      16 the first day that has a bit (ordinal)  17 member since (ms, '' now)  18 actor
--      19 further days on which he checked in: from:to,… (ordinals)  20 earned that his level wants at least ('' nothing is said of a level)
--      21 digest of the lots ('' nothing is said of them)
-- Gives 'outcome|points booked|balance|earned|check-ins|cards': outcome new, changed or same, and short when he has less than what is taken back –
-- then nothing was done; check-ins are kept, same, or own when he has checked in since, so that his own stay. Lots count only where no points
-- were booked before: what is left of them is not known any more.
local member, now, first_day = ARGV[7], ARGV[1], tonumber(ARGV[16])
local kept = redis.call('HGET', KEYS[16], member)
local was = {points = 0, earned = 0, said = '', cards = 0, level_at = 0, raised = 0, lots = '', check_ins = ''}
if kept then
  local points, said, cards, level_at, raised, lots, check_ins = string.match(kept, '^(%d+)|(%d*)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$')
  was = {
    points = tonumber(points), earned = tonumber(said) or tonumber(points), said = said, cards = tonumber(cards),
    level_at = tonumber(level_at), raised = tonumber(raised), lots = lots, check_ins = check_ins,
  }
end
local points = tonumber(ARGV[8]) or was.points
local said = ARGV[9] ~= '' and ARGV[9] or was.said
local earned = tonumber(said) or points
local level_at = tonumber(ARGV[20]) or was.level_at
local cards = tonumber(ARGV[11]) or was.cards
local more = points - was.points
ledger.lapse(member, KEYS[15])
if more < 0 and ledger.balance(member) < -more then
  return string.format('short|0|%d|%d||0', ledger.balance(member), ledger.earned(member))
end

local rows, lots_of_what = {[member] = KEYS[15]}, was.lots
if more > 0 then
  local lots = nil
  if was.points == 0 then
    lots_of_what = ARGV[21]
    if ARGV[10] ~= '' then lots = ledger.read_lots(ARGV[10]) end
  end
  ledger.move{from = 'treasury', to = member, n = more, reason = 'opening', actor = ARGV[18], rows = rows, lots = lots}
elseif more < 0 then
  ledger.move{from = member, to = 'treasury', n = -more, reason = 'opening', actor = ARGV[18], rows = rows}
end

-- up to what his level wants, but only by what is missing: he may have earned here. What was missing is noted, so that a correction finds it.
local rise, raised = earned - was.earned, was.raised
if rise ~= 0 or level_at ~= was.level_at then
  local without = rise + (was.raised > 0 and was.level_at - was.raised or ledger.earned(member))
  raised = math.max(0, level_at - math.max(0, without))
  rise = math.max(rise + raised - was.raised, -ledger.earned(member))
end
if rise ~= 0 then
  if tonumber(redis.call('ZINCRBY', KEYS[4], rise, member)) == 0 then redis.call('ZREM', KEYS[4], member) end
end

local function mark(from, till)
  for day = math.max(first_day, from), till do redis.call('SETBIT', KEYS[18], day - first_day, 1) end
end

local function mark_days(last, streak)
  mark(last - streak + 1, last)
  for from, till in string.gmatch(ARGV[19], '(%d+):(%d+)') do mark(tonumber(from), tonumber(till)) end
end

local own = redis.call('HGET', KEYS[17], member)
local check_ins, state, told = was.check_ins, 'same', ''
if ARGV[12] ~= '' or cards ~= was.cards then
  local day, streak, longest, total, had, rest = string.match(own or '0|0|0|0|0|||', '^(%d+)|(%d+)|(%d+)|(%d+)|(%d+)(|.*)$')
  local head = day .. '|' .. streak .. '|' .. longest .. '|' .. total
  local wanted = ARGV[12] ~= '' and table.concat({ARGV[12], ARGV[13], ARGV[14], ARGV[15]}, '|') or check_ins
  if wanted ~= check_ins then
    local last, days, best, all = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
    if day == '0' or head == check_ins then
      redis.call('DEL', KEYS[18])
      mark_days(last, days)
      head, check_ins, state = wanted, wanted, 'kept'
    elseif check_ins == '' then
      -- he has checked in here before his history came: what is older goes below what is his own
      local origin = redis.call('BITPOS', KEYS[18], 1)
      local is_older = origin < 0 or last < origin + first_day
      all = is_older and all + tonumber(total) or math.max(all, tonumber(total))
      streak = tonumber(streak)
      if last == tonumber(day) - streak then streak = streak + days end
      mark_days(last, days)
      head = string.format('%d|%d|%d|%d', day, streak, math.max(best, longest, streak), math.max(all, streak))
      check_ins, state = wanted, 'kept'
    else
      state = 'own'
    end
  end
  had = math.max(0, tonumber(had) + cards - was.cards)
  redis.call('HSET', KEYS[17], member, string.format('%s|%d%s', head, had, rest))
  told = string.format(',"check_ins":"%s","cards":%d', head, had)
end

local since, joined = redis.call('HGET', KEYS[19], member), tonumber(ARGV[17]) or tonumber(now)
if not since or (tonumber(since) and joined < tonumber(since)) then redis.call('HSET', KEYS[19], member, string.format('%d', joined)) end

local noted = string.format('%d|%s|%d|%d|%d|%s|%s', points, said, cards, level_at, raised, lots_of_what, check_ins)
local outcome = not kept and 'new' or (noted ~= kept and 'changed' or 'same')
if outcome ~= 'same' then
  redis.call('HSET', KEYS[16], member, noted)
  redis.call('XADD', KEYS[9], '*', 'v', '1', 't', now, 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[3],
    'data', string.format('{"act":"opening","earned":%d%s}', rise, told))
end
return string.format('%s|%d|%d|%d|%s|%d', outcome, more, ledger.balance(member), ledger.earned(member), state, cards - was.cards)
