-- uses: tally, ledger
-- Makes up for a day on which a member did not check in: the latest gap, or a day that he names. Streak and longest follow from the days.
-- KEYS 1–14 of the ledger  15 the member's rows  16 check-ins  17 days of the member  18 days made up for
-- ARGV 1–6 of the ledger  7 member  8 the day (ordinal; 0 the latest gap)  9 the first day that has a bit (ordinal)
--      10 how many days back  11 most a month (0 none at all)  12 this month  13 make-ups a month by right, by points earned: 0:1,500:2
--      14 price in points (0 none)  15 whether he pays it: 1 or 0
-- Gives 'outcome|day|streak|longest|total|cards|left this month|paid|balance'; outcome ok, or why not: never (checked in), none (no gap),
-- today, future, far, had, before (his first day), month (too many), card (he has none), price (it would cost points), short. A repeat gets
-- its first result.
local repeated = ledger.first()
if repeated then return repeated end
local member, today, first_day, back = ARGV[7], ledger.today, tonumber(ARGV[9]), tonumber(ARGV[10])
local kept = redis.call('HGET', KEYS[16], member) or '0|0|0|0|0|||'
local last, streak, longest, total, cards, month, rest = string.match(kept, '^(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)(|.*)$')
last, streak, longest, total, cards = tonumber(last), tonumber(streak), tonumber(longest), tonumber(total), tonumber(cards)
local of_month, made, by_right = string.match(month, '^([^:]*):(%d+):(%d+)$')
made, by_right = tonumber(made or 0), tonumber(by_right or 0)
if of_month ~= ARGV[12] then made, by_right = 0, 0 end
local price, paid = tonumber(ARGV[14]), 0
local day = tonumber(ARGV[8])

local function say(outcome)
  local left = math.max(0, tonumber(ARGV[11]) - made)
  return string.format('%s|%d|%d|%d|%d|%d|%d|%d|%d', outcome, day, streak, longest, total, cards, left, paid, ledger.balance(member))
end

local function has(d) return d >= first_day and redis.call('GETBIT', KEYS[17], d - first_day) == 1 end

local origin = redis.call('BITPOS', KEYS[17], 1)
if last == 0 or origin < 0 then return say('never') end
origin = origin + first_day
if day == 0 then
  for d = today - 1, math.max(today - back, origin + 1), -1 do
    if not has(d) then day = d break end
  end
  if day == 0 then return say('none') end
end
if day >= today then return say(day == today and 'today' or 'future') end
if has(day) then return say('had') end
if day < today - back then return say('far') end
if day < origin then return say('before') end
if made >= tonumber(ARGV[11]) then return say('month') end

local rights, earned = 0, ledger.earned(member)
for least, n in string.gmatch(ARGV[13], '(%d+):(%d+)') do
  if earned >= tonumber(least) then rights = tonumber(n) end
end
if by_right < rights then
  by_right = by_right + 1
elseif cards > 0 then
  cards = cards - 1
elseif price == 0 then
  return say('card')
elseif ARGV[15] ~= '1' then
  return say('price')
else
  ledger.lapse(member, KEYS[15])
  local taken = ledger.move{from = member, to = 'treasury', n = price, reason = 'makeup', actor = member, rows = {[member] = KEYS[15]}}
  if not taken then return say('short') end
  paid = price
end

redis.call('SETBIT', KEYS[17], day - first_day, 1)
local days_before = redis.call('HGET', KEYS[18], member)
redis.call('HSET', KEYS[18], member, days_before and string.format('%s,%d', days_before, day) or string.format('%d', day))
local from, till = day, day
while has(from - 1) do from = from - 1 end
while has(till + 1) do till = till + 1 end
local run = till - from + 1
if day > last then
  -- days before the first bit count in the record only: what was kept of them stays
  streak, last = math.max(run, day == last + 1 and streak + 1 or 0), day
elseif till >= last then
  streak = math.max(streak, run)
end
longest, total, made = math.max(longest, streak, run), total + 1, made + 1
redis.call('HSET', KEYS[16], member,
  string.format('%d|%d|%d|%d|%d|%s:%d:%d%s', last, streak, longest, total, cards, ARGV[12], made, by_right, rest))
redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[3],
  'data', string.format('{"act":"make_up","day":%d,"streak":%d,"longest":%d,"total":%d,"paid":%d}', day, streak, longest, total, paid))
return ledger.keep(say('ok'))
