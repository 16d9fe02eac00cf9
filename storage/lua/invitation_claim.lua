-- uses: tally
-- Attributes a newcomer to whoever invited him: once for ever, the first word counts. What is doubtful waits for a person to look.
-- KEYS 1 once  2 invitations  3 newcomers of the inviter  4 held  5 inviters  6 steps  7 events  8 counts of the day  9 places
-- ARGV 1 now_ms  2 community  3 newcomer  4 inviter  5 how  6 once id  7 life of once in ms  8 why not, as found before ('' no reason)
--      9 when it is looked at (ms)  10 most in an hour  11 most in a day  12 how many links of a chain are followed
-- Gives 'outcome|number': ok, held (with the number to decide by), same (he is attributed to him already), taken (to somebody else), self,
-- circle (the inviter was brought here by the newcomer), or ARGV 8; a repeat gets its first result.
local before = redis.call('GET', KEYS[1])
if before then return before end
local now, newcomer, inviter = tonumber(ARGV[1]), ARGV[3], ARGV[4]

local function load(member)
  local kept = redis.call('HGET', KEYS[2], member)
  return kept and cjson.decode(kept)
end

local function save(member, record) redis.call('HSET', KEYS[2], member, cjson.encode(record)) end

local function note(member, data)
  redis.call('XADD', KEYS[7], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[6], 'data', cjson.encode(data))
end

local function count(name)
  tally.count(KEYS[8], KEYS[9], name, 1)
end

local function finish(outcome, number)
  local said = string.format('%s|%d', outcome, number or 0)
  redis.call('SET', KEYS[1], said, 'PX', ARGV[7])
  return said
end

-- puts aside what still waits and nobody has decided about; gives its number
local function hold(member, record, why)
  if record.state ~= 'waiting' or record.ok then return 0 end
  local number = redis.call('HINCRBY', KEYS[5], '#', 1)
  record.state, record.why = 'held', why
  save(member, record)
  redis.call('ZADD', KEYS[4], number, member)
  redis.call('HSET', KEYS[5], '#' .. string.format('%d', number), member)
  redis.call('ZREM', KEYS[6], ARGV[2] .. '|' .. member)
  count('invite_held')
  note(member, {act = 'invite_held', by = record.by, why = why, number = number})
  return number
end

local mine = load(newcomer)
if mine then return finish(string.format('%d', mine.by) == inviter and 'same' or 'taken') end

local why, is_deep, chain, at = ARGV[8], false, {}, inviter
if newcomer == inviter then why = 'self' end
if why == '' then
  while true do
    local link = load(at)
    if not link or link.by == 0 then break end
    if #chain == tonumber(ARGV[12]) then
      is_deep = true
      break
    end
    chain[#chain + 1] = {at, link}
    at = string.format('%d', link.by)
    if at == newcomer then
      why = 'circle'
      for _, one in ipairs(chain) do hold(one[1], one[2], 'circle') end
      break
    end
  end
end
if why ~= '' then
  count('invite_refused')
  note(newcomer, {act = 'invite_refused', by = tonumber(inviter), how = ARGV[5], why = why})
  return finish(why)
end

local record = {by = tonumber(inviter), how = ARGV[5], at = now, due = tonumber(ARGV[9]), state = 'waiting', why = ''}
save(newcomer, record)
redis.call('ZADD', KEYS[3], now, newcomer)
redis.call('ZADD', KEYS[6], ARGV[9], ARGV[2] .. '|' .. newcomer)
count('invited')
note(newcomer, {act = 'invited', by = record.by, how = ARGV[5]})

local number = is_deep and hold(newcomer, record, 'deep') or 0
for _, limit in ipairs({{3600000, tonumber(ARGV[10])}, {86400000, tonumber(ARGV[11])}}) do
  local newest = redis.call('ZREVRANGEBYSCORE', KEYS[3], '+inf', '(' .. string.format('%d', now - limit[1]), 'LIMIT', 0, limit[2] + 1)
  if #newest > limit[2] then
    -- the whole burst: those that came before the limit was reached are no better than the others
    for at = #newest, 1, -1 do
      local theirs = newest[at] ~= newcomer and load(newest[at])
      if theirs then hold(newest[at], theirs, 'burst') end
    end
    if record.state == 'waiting' then number = hold(newcomer, record, 'burst') end
  end
end
if record.state == 'held' then return finish('held', number) end
return finish('ok')
