-- Lends the head of a queue to one sender, for a while: of the first queue that has one that is due. What a stopped mailing queued is taken out and
-- told of instead.
-- KEYS 1 due  2 leases  3 stopped mailings  4 events  then the queues
-- ARGV 1 now_ms  2 until_ms  3 owner  then the queues' members of due
-- Gives {item, fence, losses} or false when none is due. losses: how many leases in a row ran out unsettled before this one.
local any_stopped = redis.call('EXISTS', KEYS[3]) == 1
local function is_stopped(item)
  local name = any_stopped and string.match(item, '"mailing":"([^"]+)"')
  if not name then return false end
  local delivery = cjson.decode(item)
  local stopped = delivery.community .. '|' .. name
  if redis.call('HEXISTS', KEYS[3], stopped) == 0 then return false end
  if delivery.whom and delivery.whom ~= '' then
    local member = delivery.member
    if type(member) ~= 'number' then member = 0 end -- null is not nil here
    local push, planned = string.match(name, '^(.*)@(%d+)$')
    local data = {push = push, planned_ms = tonumber(planned), why = 'stopped', to = member > 0 and 'members' or 'groups'}
    if member == 0 then data.chat = delivery.whom end
    redis.call('HINCRBY', KEYS[3], stopped, 1)
    redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'push', 'c', delivery.community, 'm', member, 'id', name, 'data', cjson.encode(data))
  end
  return true
end
for i = 5, #KEYS do
  local member = ARGV[i - 1]
  local score = redis.call('ZSCORE', KEYS[1], member)
  if score and tonumber(score) <= tonumber(ARGV[1]) then
    local item = redis.call('LINDEX', KEYS[i], 0)
    while item and is_stopped(item) do
      redis.call('LPOP', KEYS[i])
      redis.call('HDEL', KEYS[2], member)
      item = redis.call('LINDEX', KEYS[i], 0)
    end
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
