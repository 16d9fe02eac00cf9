-- uses: tally, ledger
-- Checks a member in, once a day: streak, the bit of the day, and the reward.
-- KEYS 1–14 of the ledger  15 the member's rows  16 check-ins  17 days of the member
-- ARGV 1–6 of the ledger  7 member  8 rewards by streak, 1, 2, … (comma separated)  9 whether they begin anew after the last: 1 or 0
--      10 the first day that has a bit (ordinal)  11 a make-up card at every so many days of a streak (0 never)
--      12 most cards that are kept  13 this month
-- A record is day|streak|longest|total|cards|month:made up:of these by right|digest|first result of that day; days are ordinals.
-- Gives 'fresh|streak|longest|total|reward|balance|earned|cards|card won|gap|made up|by right' with fresh 1 at today's first check-in, else 0;
-- gap: days missed since the check-in before, made up: for how many days this month, and how many of these by right. A repeat of the message
-- that was today's first gets its first result, also when midnight lies between.
local member, today = ARGV[7], ledger.today
local kept = redis.call('HGET', KEYS[16], member) or '0|0|0|0|0|||'
local day, streak, longest, total, cards, month, digest, first = string.match(kept, '^(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|(.*)$')
if digest ~= '' and digest == ARGV[3] then return '1|' .. string.gsub(first, '/', '|') end
day, streak, longest, total, cards = tonumber(day), tonumber(streak), tonumber(longest), tonumber(total), tonumber(cards)

-- later than today: checked in by a process whose clock is ahead of ours; that must not open the day before again
if day >= today then
  return string.format('0|%d|%d|%d|0|%d|%d|%d|0|0|0|0', streak, longest, total, ledger.balance(member), ledger.earned(member), cards)
end

local gap = day > 0 and today - 1 - day or 0
local of_month, made, by_right = string.match(month, '^([^:]*):(%d+):(%d+)$')
if of_month ~= ARGV[13] then made, by_right = 0, 0 end
streak = day == today - 1 and streak + 1 or 1
longest, total = math.max(longest, streak), total + 1
local rewards = {}
for reward in string.gmatch(ARGV[8], '%d+') do rewards[#rewards + 1] = tonumber(reward) end
local reward = rewards[ARGV[9] == '1' and (streak - 1) % #rewards + 1 or math.min(streak, #rewards)]
local every, won = tonumber(ARGV[11]), 0
if every > 0 and streak % every == 0 and cards < tonumber(ARGV[12]) then won, cards = 1, cards + 1 end
if reward > 0 then
  ledger.move{from = 'treasury', to = member, n = reward, reason = 'check_in', actor = member, rows = {[member] = KEYS[15]}, counts = true}
end
local balance, earned = ledger.balance(member), ledger.earned(member)
first = string.format('%d/%d/%d/%d/%d/%d/%d/%d/%d/%d/%d', streak, longest, total, reward, balance, earned, cards, won, gap, made, by_right)
redis.call('HSET', KEYS[16], member, string.format('%d|%d|%d|%d|%d|%s|%s|%s', today, streak, longest, total, cards, month, ARGV[3], first))
if today >= tonumber(ARGV[10]) then redis.call('SETBIT', KEYS[17], today - tonumber(ARGV[10]), 1) end
redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[3],
  'data', string.format('{"act":"check_in","day":%d,"streak":%d,"longest":%d,"total":%d,"reward":%d}',
    today, streak, longest, total, reward))
return '1|' .. string.gsub(first, '/', '|')
