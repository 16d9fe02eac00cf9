-- uses: tally
-- Moves one member one step on in a flow, if nobody else has moved him meanwhile: his new state, when its clock next rings, what is sent, the
-- definition that he holds on to, the funnel and the log, all or nothing.
-- KEYS 1 the answer to a repeat  2 states of the member  3 definitions  4 due index of the shard  5 funnel of his starting day  6 events
--      7 outbox due  8, 9, 10 done in this week, the one before, the one after
--      11 counts of the day  12 places  13… the outbox queue of each delivery
-- ARGV 1 now_ms  2 community  3 member  4 once id ('' each call is its own: the revision compares)  5 flow  6 revision that this was decided
--      on (0: he never was in it)  7 his new state (JSON, whose revision stands in front: '8|{…}')  8 when its clock next rings in ms ('' never)
--      9 digest of a definition that he holds on to from now ('' none)  10 that definition  11 digest of one he lets go of ('' none)
--      12 what a repeat is given  13 life of that in ms  14 what one that comes later is given  15 digest of the once id and the member
--      16 life of a week's memory of repeats in ms  17 life of the funnel in ms  18 event data (JSON, '' tells nothing)  19 shard
--      20 counters of the day that are raised (comma separated)  21 number of funnel fields, then each; then for each delivery its member of due and its item (JSON)
-- Gives {'done', ''}, {'again', first result} for a repeat, or {'moved', ''} when he stands elsewhere: then nothing was done.
if ARGV[4] ~= '' then
  for key = 8, 10 do
    local brief = redis.call('HGET', KEYS[key], ARGV[15])
    if brief then return {'again', redis.call('GET', KEYS[1]) or brief} end
  end
end
local flow, before = ARGV[5], redis.call('HGET', KEYS[2], ARGV[5])
local revision = before and string.match(before, '^(%d+)|') or '0'
if revision ~= ARGV[6] then return {'moved', ''} end
redis.call('HSET', KEYS[2], flow, ARGV[7])
if ARGV[9] ~= '' then
  redis.call('HSETNX', KEYS[3], ARGV[9], ARGV[10])
  redis.call('HINCRBY', KEYS[3], ARGV[9] .. '#', 1)
end
if ARGV[11] ~= '' and redis.call('HINCRBY', KEYS[3], ARGV[11] .. '#', -1) <= 0 then
  redis.call('HDEL', KEYS[3], ARGV[11], ARGV[11] .. '#')
end
local bell = ARGV[2] .. '|' .. ARGV[3] .. '|' .. flow
if ARGV[8] ~= '' then
  redis.call('ZADD', KEYS[4], ARGV[8], bell)
else
  redis.call('ZREM', KEYS[4], bell)
end
for name in string.gmatch(ARGV[20], '[^,]+') do tally.count(KEYS[11], KEYS[12], name, 1) end
local at = 22
for _ = 1, tonumber(ARGV[21]) do
  redis.call('HINCRBY', KEYS[5], ARGV[at], 1)
  at = at + 1
end
if ARGV[21] ~= '0' then redis.call('PEXPIRE', KEYS[5], ARGV[17]) end
if ARGV[18] ~= '' then
  redis.call('XADD', KEYS[6], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data', ARGV[18])
end
for queue = 13, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[7], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 12 then redis.call('PUBLISH', 'qb:bell', ARGV[19]) end
if ARGV[4] ~= '' then
  redis.call('SET', KEYS[1], ARGV[12], 'PX', ARGV[13])
  redis.call('HSET', KEYS[8], ARGV[15], ARGV[14])
  redis.call('PEXPIRE', KEYS[8], ARGV[16])
end
return {'done', ''}
