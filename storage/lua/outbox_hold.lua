-- Takes the first deliveries of a queue out of sending and keeps them as dead letters, for an admin to judge.
-- KEYS 1 queue  2 due  3 leases  4 dead letters
-- ARGV 1 member of due  2 how many at most  3 what a dead letter has behind its delivery (the end of its JSON)
-- Gives how many were taken.
local items = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[2]) - 1)
for _, item in ipairs(items) do
  redis.call('HSET', KEYS[4], cjson.decode(item).id, '{"delivery":' .. item .. ARGV[3])
end
if #items > 0 then redis.call('LTRIM', KEYS[1], #items, -1) end
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('HDEL', KEYS[3], ARGV[1])
return #items
