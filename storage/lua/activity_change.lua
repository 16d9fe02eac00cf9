-- Changes an activity, if nobody else has changed it meanwhile: its fields, when its clock rings next, what is to be paid, what is told and the log.
-- KEYS 1 once  2 the activity  3 running ones  4 ended ones whose entries are kept  5 bells of the shard  6 awards  7 events  8 outbox due
--      9… the outbox queue of each delivery
-- ARGV 1 now_ms  2 community  3 digest of the act ('' each call is its own: the revision compares)  4 number  5 revision that this was decided on
--      6 actor's member number (0 the clock)  7 when its clock rings next in ms ('' never)  8 1 it is running from now, 0 not  9 1 it has ended
--      10 most running ones  11 event data (JSON)  12 life of the once marker in ms  13 shard
--      14 number of fields, then each with its value ('' takes it away); then number of awards, then each (member|n|note);
--      then for each delivery its member of due and its item (JSON)
-- Gives what came of it – done, again (a repeat), moved (somebody else changed it) or full (too many run) – and the activity's fields as they are now.
local function gives(outcome)
  local fields = redis.call('HGETALL', KEYS[2])
  table.insert(fields, 1, outcome)
  return fields
end

local number = ARGV[4]
if ARGV[3] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then return gives('again') end
if redis.call('HGET', KEYS[2], 'revision') ~= ARGV[5] then return gives('moved') end
if ARGV[8] == '1' and not redis.call('ZSCORE', KEYS[3], number) then
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[10]) then return gives('full') end
  redis.call('ZADD', KEYS[3], number, number)
elseif ARGV[8] == '0' then
  redis.call('ZREM', KEYS[3], number)
end
local at = 15
for _ = 1, tonumber(ARGV[14]) do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[at])
  else
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  end
  at = at + 2
end
redis.call('HINCRBY', KEYS[2], 'revision', 1)
local awards = tonumber(ARGV[at])
for award = at + 1, at + awards do redis.call('RPUSH', KEYS[6], ARGV[award]) end
at = at + awards + 1
if ARGV[9] == '1' then redis.call('ZADD', KEYS[4], 'NX', ARGV[1], number) end
local bell = ARGV[2] .. '|' .. number
if ARGV[7] ~= '' then
  redis.call('ZADD', KEYS[5], ARGV[7], bell)
else
  redis.call('ZREM', KEYS[5], bell)
end
redis.call('XADD', KEYS[7], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[6], 'id', ARGV[3], 'data', ARGV[11])
for queue = 9, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[8], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 8 then redis.call('PUBLISH', 'qb:bell', ARGV[13]) end
if ARGV[3] ~= '' then redis.call('SET', KEYS[1], '1', 'PX', ARGV[12]) end
return gives('done')
