-- uses: tally, cases
-- Decides an appeal: granted lifts the strike, upheld leaves everything. Never one who decided of the case before, nor who reported it, nor he whom it is about.
-- KEYS 1 once  2 states  3 appeals by case  4 appeals that wait  5 what happened  6 strikes of the member  7 queue  8 reports by case
--      9 records of reporters  10 counts of how often people agreed  11 events  12 counts of the day  13 places
-- ARGV 1 now_ms  2 community  3 actor  4 once id  5 case number  6 granted or upheld  7 once_life_ms  8 member the case is about  9 why
--      10 whether the actor is the only one who decides: 1 or 0  11 lapse of strikes in ms  12… what is counted
-- Gives 'outcome|state before|strikes|by|alone': done; own (it is about him); party (he reported it); same (he decided before: another person has to); soon (he is the only
-- one, and has to sleep on it for ten minutes); late (no appeal waits; by is who decided it). alone 1: he decided on his own decision, as the only one.
-- A repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local now, number, actor = tonumber(ARGV[1]), ARGV[5], ARGV[3]
local s, kept = cases.read(KEYS[2], number), redis.call('HGET', KEYS[3], number)
local appeal = kept and cjson.decode(kept) or {}
local before, alone, by = s and s.state or '', 0, appeal.by or 0

local function say(outcome)
  local result = string.format('%s|%s|%d|%d|%d', outcome, before, cases.strikes(KEYS[6], now, tonumber(ARGV[11])), by, alone)
  redis.call('SET', KEYS[1], result, 'PX', ARGV[7])
  return result
end

if not s or appeal.state ~= 'waiting' then return say('late') end
local is_own, is_same = actor == ARGV[8], s.by == actor or cases.has_decided(KEYS[5], number, actor)
if is_own or is_same or cases.is_reporter(KEYS[8], number, actor) then
  if ARGV[10] ~= '1' then return say(is_own and 'own' or is_same and 'same' or 'party') end
  if now - appeal.t < 600000 then return say('soon') end
  alone = 1
end
local was = cases.found(s)
appeal.state, appeal.by, appeal.at, appeal.why = ARGV[6], tonumber(actor), now, ARGV[9]
redis.call('HSET', KEYS[3], number, cjson.encode(appeal))
redis.call('ZREM', KEYS[4], number)
redis.call('ZREM', KEYS[7], number)
if ARGV[6] == 'granted' then
  if s.by ~= '0' then redis.call('HINCRBY', KEYS[10], 'by|' .. s.by .. '|overruled', 1) end
  redis.call('ZREM', KEYS[6], number)
  s.state, s.revision = 'lifted', s.revision + 1
end
if ARGV[6] == 'granted' or s.by == '0' then s.by, s.t = actor, ARGV[1] end
local is = cases.found(s)
cases.count(KEYS[10], was, is, 12)
cases.credit(KEYS[8], KEYS[9], number, was, is)
redis.call('HINCRBY', KEYS[10], 'by|' .. actor .. '|' .. ARGV[6], 1)
cases.write(KEYS[2], number, s)
cases.tell(KEYS[5], number,
  {act = ARGV[6], by = tonumber(actor), t = now, before = before, after = s.state, why = ARGV[9], alone = alone == 1 or nil})
redis.call('XADD', KEYS[11], '*', 'v', '1', 't', ARGV[1], 'kind', 'admin', 'c', ARGV[2], 'm', actor, 'id', ARGV[4], 'data',
  '{"act":"decide_appeal","case":' .. number .. ',"before":"' .. before .. '","after":"' .. s.state .. '","ruling":"' .. ARGV[6] .. '","about":' .. ARGV[8] .. '}')
tally.count(KEYS[12], KEYS[13], 'appeals_' .. ARGV[6], 1)
return say('done')
