-- Forgets a member in the invitations of a community: as a newcomer, and as who invited others (they stay invited, by nobody).
-- While it can still be taken back what he brought his inviter, a record without him stays, under a number below 0 that leads to nobody: the clock
-- takes it back at once, as if he had left, for nobody can know any more whether he stays.
-- KEYS 1 invitations  2 his newcomers  3 newcomers of who invited him  4 held  5 inviters  6 board  7 steps  8 arrivals
-- ARGV 1 member  2 community  3 who invited him (0 nobody)
-- Gives whether anything was there; -1 when it is another who invited him: look again.
local member = ARGV[1]
local raw = redis.call('HGET', KEYS[1], member)
local mine = raw and cjson.decode(raw)
if mine and string.format('%d', mine.by) ~= ARGV[3] then return -1 end
local newcomers = redis.call('ZRANGE', KEYS[2], 0, -1)
for _, newcomer in ipairs(newcomers) do
  local kept = redis.call('HGET', KEYS[1], newcomer)
  if kept then
    local record = cjson.decode(kept)
    record.by, record.tell = 0, nil
    redis.call('HSET', KEYS[1], newcomer, cjson.encode(record))
    if tonumber(newcomer) < 0 then redis.call('HDEL', KEYS[1], newcomer) end
  end
  redis.call('ZREM', KEYS[4], newcomer)
  redis.call('ZREM', KEYS[7], ARGV[2] .. '|' .. newcomer)
end
redis.call('DEL', KEYS[2])
if mine and ARGV[3] ~= '0' and (mine.state == 'credited' or mine.tell) and redis.call('ZSCORE', KEYS[7], ARGV[2] .. '|' .. member) then
  local nobody = string.format('%d', redis.call('HINCRBY', KEYS[5], '#erased', -1))
  redis.call('HSET', KEYS[1], nobody, raw)
  redis.call('ZADD', KEYS[3], mine.at, nobody)
  redis.call('ZADD', KEYS[7], 0, ARGV[2] .. '|' .. nobody)
end
redis.call('ZREM', KEYS[3], member)
redis.call('ZREM', KEYS[4], member)
redis.call('ZREM', KEYS[7], ARGV[2] .. '|' .. member, ARGV[2] .. '|pay:' .. member)
redis.call('ZREM', KEYS[6], member)
return redis.call('HDEL', KEYS[1], member) + redis.call('HDEL', KEYS[5], member) + redis.call('HDEL', KEYS[8], member) + #newcomers
