-- uses: tally, ledger
-- What becomes of an invitation: credited when its newcomer stayed, taken back when he left, let go, or decided by a person; and what is still
-- owed to an inviter, or by him, as far as the day's caps and his points allow.
-- KEYS 1–14 of the ledger  15 the inviter's rows  16 invitations  17 inviters  18 board  19 held  20 steps
-- ARGV 1–6 of the ledger  7 newcomer ('' with pay)  8 inviter  9 act: credit, leave, silent, later, done, told, approve, reject, pay
--      10 when it is looked at next (ms, 0 never)  11 points for one newcomer  12 tiers: at:points,at:points  13 the reason's cap a day
--      14 the cap of a day  15 when more is paid (ms)  16 note of the rows  17 actor
-- A tier that is reached is paid beside the caps. What a reversal cannot take is owed: the next credits pay it off first.
-- Gives JSON: outcome (done, or the state in which the invitation is, gone where there is none), paid (below 0: taken), balance, earned,
-- credited, owed, n, gained and lost tiers. A named act's repeat gets its first result.
local first = ledger.first()
if first then return first end
local newcomer, inviter, act, again = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
local name = ARGV[2] .. '|' .. (act == 'pay' and 'pay:' .. inviter or newcomer)

local function note(member, data)
  redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[3], 'data', cjson.encode(data))
end

local function count(what)
  tally.count(KEYS[13], KEYS[14], what, 1)
end

local function ring(at)
  if at > 0 then redis.call('ZADD', KEYS[20], at, name) else redis.call('ZREM', KEYS[20], name) end
end

local kept = redis.call('HGET', KEYS[17], inviter)
local own = kept and cjson.decode(kept) or {credited = 0, reversed = 0, owed = 0, tiers = {}}
local paid, gained, lost, n = 0, {}, {}, 0

-- brings what is owed towards nothing: to him as far as the day's caps allow, beside which ``exempt`` is paid; where that is below 0, from him as
-- far as his points reach
local function settle(exempt)
  if own.owed > 0 then
    paid = math.min(math.max(exempt, 0), own.owed)
    if own.owed > paid then paid = paid + ledger.room(inviter, 'invited', own.owed - paid, tonumber(ARGV[13]), tonumber(ARGV[14])) end
  elseif own.owed < 0 and exempt < 0 then
    ledger.lapse(inviter, KEYS[15])
    paid = -math.min(ledger.balance(inviter), -own.owed)
  end
  if paid ~= 0 then
    ledger.move{
      from = paid > 0 and 'treasury' or inviter, to = paid > 0 and inviter or 'treasury', n = math.abs(paid), reason = 'invited', actor = '0',
      note = ARGV[16], rows = {[inviter] = KEYS[15]}, counts = true,
    }
    own.owed = own.owed - paid
  end
  if own.owed > 0 then redis.call('ZADD', KEYS[20], ARGV[15], ARGV[2] .. '|pay:' .. inviter) end
end

local function keep_own()
  -- an empty table would be read back as a map
  if #own.tiers == 0 then own.tiers = nil end
  redis.call('HSET', KEYS[17], inviter, cjson.encode(own))
  own.tiers = own.tiers or {}
  if own.credited > 0 then redis.call('ZADD', KEYS[18], own.credited, inviter) else redis.call('ZREM', KEYS[18], inviter) end
end
own.tiers = own.tiers or {}

local function say(outcome)
  return ledger.keep(string.format(
    '{"outcome":"%s","paid":%d,"balance":%d,"earned":%d,"credited":%d,"owed":%d,"n":%d,"gained":[%s],"lost":[%s]}', outcome, paid,
    ledger.balance(inviter), ledger.earned(inviter), own.credited, own.owed, n, table.concat(gained, ','), table.concat(lost, ',')))
end

if act == 'pay' then
  ring(0)
  settle(0)
  keep_own()
  return say('done')
end

local raw = redis.call('HGET', KEYS[16], newcomer)
local record = raw and cjson.decode(raw)
if not record or string.format('%d', record.by) ~= inviter or inviter == '0' then
  ring(0)
  return say('gone')
end

local function save() redis.call('HSET', KEYS[16], newcomer, cjson.encode(record)) end

local function become(state)
  record.state, record.ended = state, tonumber(ARGV[1])
  save()
  ring(again)
  note(newcomer, {act = 'invite_' .. state, by = record.by, actor = tonumber(ARGV[17])})
end

-- what has to be told of a change of points, until it was
local function owe_telling()
  record.tell = {paid = paid, balance = ledger.balance(inviter), earned = ledger.earned(inviter), owed = own.owed, credited = own.credited}
  if #gained > 0 then record.tell.gained = gained end
  if #lost > 0 then record.tell.lost = lost end
end

local waits, is_credited = record.state == 'waiting', record.state == 'credited'
if act == 'told' then
  record.tell = nil
  save()
  ring(again)
  return say('done')
elseif act == 'later' and (waits or is_credited) then
  ring(again)
  return say('done')
elseif act == 'done' and not waits then
  ring(0)
  return say('done')
elseif act == 'silent' and waits then
  again = 0
  become('silent')
  return say('done')
elseif act == 'leave' and waits then
  again = 0
  become('left')
  return say('done')
elseif (act == 'approve' or act == 'reject') and record.state == 'held' then
  redis.call('ZREM', KEYS[19], newcomer)
  record.ok = true
  if act == 'reject' then again = 0 else record.due = again end
  become(act == 'approve' and 'waiting' or 'rejected')
  return say('done')
elseif act == 'credit' and waits then
  n = tonumber(ARGV[11])
  own.credited = own.credited + 1
  local has, bonus = {}, 0
  for _, tier in ipairs(own.tiers) do has[tier[1]] = true end
  for at, points in string.gmatch(ARGV[12], '(%d+):(%d+)') do
    at, points = tonumber(at), tonumber(points)
    if at <= own.credited and not has[at] then
      own.tiers[#own.tiers + 1] = {at, points}
      gained[#gained + 1] = at
      bonus = bonus + points
    end
  end
  own.owed = own.owed + n + bonus
  settle(bonus)
  keep_own()
  record.n = n
  owe_telling()
  count('invite_credited')
  become('credited')
  return say('done')
elseif act == 'leave' and is_credited then
  n = record.n
  own.credited, own.reversed = own.credited - 1, own.reversed + 1
  local left = {}
  own.owed = own.owed - n
  for _, tier in ipairs(own.tiers) do
    if tier[1] > own.credited then
      lost[#lost + 1] = tier[1]
      own.owed = own.owed - tier[2]
    else
      left[#left + 1] = tier
    end
  end
  own.tiers = left
  settle(-1)
  keep_own()
  owe_telling()
  count('invite_reversed')
  become('reversed')
  return say('done')
end
return say(record.state)
