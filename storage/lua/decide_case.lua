-- uses: tally, cases
-- Decides a case: its state changes, a strike is counted or lifted, what happened is noted, once.
-- KEYS 1 once  2 states  3 queue  4 what happened  5 strikes of the member  6 events  7 reports by case  8 records of reporters
--     9 counts of how often people agreed  10 appeals that wait  11 newest case and newest warning by member
--     12 counts of the day  13 places
-- ARGV 1 now_ms  2 community  3 actor's member number  4 once id  5 case number  6 act: warned, ignored, hand or merge  7 once_life_ms
--      8 member the case is about (0 unknown)  9 revision that the decision was made on; '' for: only while nobody has decided  10 why
--      11 to whom it is handed, or the case that it is merged into  12 lapse of strikes in ms  13 whether the actor is the only one who decides: 1 or 0
--      14 when it was filed (ms)  15… what is counted where a decision agrees with the judge or not
-- Gives 'outcome|state before|strikes|by|alone': done; late (by 9: by is who was first); own (it is about himself); party (he reported
-- it); target (that case was merged itself); appealed (an appeal waits, and is decided first; it may be handed over); gone. alone 1: he reported
-- it, or it is about himself and ten minutes passed, and nobody else could. A repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local now, number, act, actor = tonumber(ARGV[1]), ARGV[5], ARGV[6], ARGV[3]
local s, lapse = cases.read(KEYS[2], number), tonumber(ARGV[12])
if not s then return 'gone||0|0|0' end
local before, was, alone = s.state, cases.found(s), 0

local function say(outcome)
  local result = string.format('%s|%s|%d|%s|%d', outcome, before, cases.strikes(KEYS[5], now, lapse), s.by, alone)
  redis.call('SET', KEYS[1], result, 'PX', ARGV[7])
  return result
end

if s.into ~= '' then return say('late') end
if ARGV[9] == '' and not redis.call('ZSCORE', KEYS[3], number) then return say('late') end
if ARGV[9] ~= '' and tonumber(ARGV[9]) ~= s.revision then return say('late') end
if act ~= 'hand' and redis.call('ZSCORE', KEYS[10], number) then return say('appealed') end
if actor == ARGV[8] and act ~= 'hand' then
  if ARGV[13] ~= '1' or now - tonumber(ARGV[14]) < 600000 then return say('own') end
  alone = 1
elseif act ~= 'hand' and cases.is_reporter(KEYS[7], number, actor) then
  if ARGV[13] ~= '1' then return say('party') end
  alone = 1
end
if act == 'merge' then
  local target = cases.read(KEYS[2], ARGV[11])
  if not target or target.into ~= '' or ARGV[11] == number then return say('target') end
end

local row = {act = act, by = tonumber(actor), before = before, why = ARGV[10], t = now, alone = alone == 1 or nil}
if act == 'hand' then
  s.holder, row.to, row.after = ARGV[11], tonumber(ARGV[11]), before
else
  redis.call('ZREM', KEYS[3], number)
  s.state, s.by, s.t, s.revision = act == 'merge' and 'merged' or act, actor, ARGV[1], s.revision + 1
  row.after = s.state
  if act == 'merge' then
    local target = cases.read(KEYS[2], ARGV[11])
    s.into, row.to = ARGV[11], tonumber(ARGV[11])
    target.again = target.again + 1
    target.weight = target.weight + s.weight
    cases.write(KEYS[2], ARGV[11], target)
    cases.tell(KEYS[4], ARGV[11], {act = 'merged', by = tonumber(actor), t = now, to = tonumber(number)})
    local place = redis.call('ZSCORE', KEYS[3], ARGV[11])
    if place then redis.call('ZADD', KEYS[3], cases.place(place, s.weight), ARGV[11]) end
    local theirs, here = redis.call('HGET', KEYS[7], number), redis.call('HGET', KEYS[7], ARGV[11])
    if theirs then
      redis.call('HDEL', KEYS[7], number)
      for reporter, rest in string.gmatch(theirs, '(%d+):([^,]*)') do
        if not string.find(',' .. (here or '') .. ',', ',' .. reporter .. ':', 1, true) then
          here = (here and here ~= '' and here .. ',' or '') .. reporter .. ':' .. rest
        end
      end
      redis.call('HSET', KEYS[7], ARGV[11], here)
    end
  end
  if s.state == 'warned' and before ~= 'warned' then
    redis.call('ZADD', KEYS[5], ARGV[1], number)
    redis.call('HSET', KEYS[11], 'warned:' .. ARGV[8], number .. '|' .. ARGV[1] .. '|warn')
    tally.count(KEYS[12], KEYS[13], 'warnings', 1)
  elseif s.state ~= 'warned' then
    redis.call('ZREM', KEYS[5], number)
    if s.state == 'ignored' and before ~= 'ignored' then tally.count(KEYS[12], KEYS[13], 'ignored', 1) end
  end
  local is = cases.found(s)
  cases.count(KEYS[9], was, is, 15)
  cases.credit(KEYS[7], KEYS[8], number, was, is)
  redis.call('HINCRBY', KEYS[9], 'by|' .. actor .. '|' .. s.state, 1)
end
cases.write(KEYS[2], number, s)
cases.tell(KEYS[4], number, row)
redis.call('XADD', KEYS[6], '*', 'v', '1', 't', ARGV[1], 'kind', 'admin', 'c', ARGV[2], 'm', actor, 'id', ARGV[4], 'data',
  '{"act":"decide_case","case":' .. number .. ',"before":"' .. before .. '","after":"' .. s.state .. '","about":' .. ARGV[8] .. '}')
return say('done')
