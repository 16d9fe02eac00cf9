-- Begins a console session; sessions that ran out go, and the member's oldest ones when there are too many.
-- KEYS 1 sessions of the member
-- ARGV 1 digest of the session  2 now_ms  3 how old one may become in ms  4 how many there may be  5 what else is known: way in|browser|network
-- Gives how many there are now.
local now, oldest = tonumber(ARGV[2]), {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local began = tonumber(string.match(flat[i + 1], '^(%d+)|'))
  if now - began >= tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], flat[i])
  else table.insert(oldest, {began, flat[i]}) end
end
table.sort(oldest, function(a, b) return a[1] < b[1] end)
for i = 1, #oldest - tonumber(ARGV[4]) + 1 do redis.call('HDEL', KEYS[1], oldest[i][2]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '|' .. ARGV[2] .. '|' .. ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HLEN', KEYS[1])
