-- Removes one member's deliveries, and those that name him, from one queue.
-- KEYS 1 queue  2 due  3 leases
-- ARGV 1 member of due  2 member number
-- Gives how many were removed. A lease on a removed head is lost; its holder cannot settle any more.
local number, gone, head_gone = tonumber(ARGV[2]), 0, false
local function concerns(delivery)
  for _, named in ipairs(delivery.about or {}) do
    if named == number then return true end
  end
  return delivery.member == number
end
for place, item in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if concerns(cjson.decode(item)) then
    redis.call('LREM', KEYS[1], 1, item)
    gone = gone + 1
    if place == 1 then head_gone = true end
  end
end
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
elseif head_gone and redis.call('HDEL', KEYS[3], ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[2], 0, ARGV[1]) -- the next one may go at once
end
return gone
