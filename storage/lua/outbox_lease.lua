-- Lends the head of one queue to one sender, for a while.
-- KEYS 1 queue  2 due  3 leases
-- ARGV 1 member of due  2 now_ms  3 until_ms  4 owner
-- Gives {item, fence, losses} or false when it is not due. losses: how many leases in a row ran out unsettled before this one.
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return false end
local item = redis.call('LINDEX', KEYS[1], 0)
if not item then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
  return false
end
local lost, losses = redis.call('HGET', KEYS[3], ARGV[1]), 0
if lost then losses = tonumber(string.match(lost, '#(%d+)$')) + 1 end
local fence = ARGV[4] .. '#' .. redis.call('HINCRBY', KEYS[3], '#', 1) .. '#' .. losses
redis.call('HSET', KEYS[3], ARGV[1], fence)
redis.call('ZADD', KEYS[2], 'XX', ARGV[3], ARGV[1])
return {item, fence, losses}
