-- Lends the head of a queue to one sender, for a while: of the first queue that has one that is due. What a stopped mailing queued is lent to nobody.
-- KEYS 1 due  2 leases  3 stopped mailings  then the queues
-- ARGV 1 now_ms  2 until_ms  3 owner  then the queues' members of due
-- Gives {item, fence, losses} or false when none is due. losses: how many leases in a row ran out unsettled before this one.
-- {item} alone is the head of a stopped mailing, which is to be taken back first (outbox_take_back.lua).
local any_stopped = redis.call('EXISTS', KEYS[3]) == 1
local function is_stopped(item)
  local name = any_stopped and string.match(item, '"mailing":"([^"]+)"')
  return name and redis.call('HEXISTS', KEYS[3], cjson.decode(item).community .. '|' .. name) == 1
end
for i = 4, #KEYS do
  local member = ARGV[i]
  local score = redis.call('ZSCORE', KEYS[1], member)
  if score and tonumber(score) <= tonumber(ARGV[1]) then
    local item = redis.call('LINDEX', KEYS[i], 0)
    if item and is_stopped(item) then return {item} end
    if item then
      local lost, losses = redis.call('HGET', KEYS[2], member), 0
      if lost then losses = tonumber(string.match(lost, '#(%d+)$')) + 1 end
      local fence = ARGV[3] .. '#' .. redis.call('HINCRBY', KEYS[2], '#', 1) .. '#' .. losses
      redis.call('HSET', KEYS[2], member, fence)
      redis.call('ZADD', KEYS[1], 'XX', ARGV[2], member)
      return {item, fence, losses}
    end
    redis.call('ZREM', KEYS[1], member)
    redis.call('HDEL', KEYS[2], member)
  end
end
return false
