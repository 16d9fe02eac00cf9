-- Forgets what a member got points for: of his rows one sum for each other account stays, without time, actor and words.
-- KEYS 1 his rows  2 lots  3 expiring
-- ARGV 1 member
-- Gives how many rows went.
local rows, sums, others = redis.call('LRANGE', KEYS[1], 0, -1), {}, {}
for _, row in ipairs(rows) do
  local n, other = string.match(row, '^[^|]*|(%-?%d+)|([^|]*)|')
  if not sums[other] then others[#others + 1] = other end
  sums[other] = (sums[other] or 0) + tonumber(n)
end
redis.call('DEL', KEYS[1])
for _, other in ipairs(others) do
  redis.call('RPUSH', KEYS[1], string.format('0|%d|%s|erased|||', sums[other], other))
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return #rows
