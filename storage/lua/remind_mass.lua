-- Takes one of three reminders in 24 hours.
-- KEYS 1 mass messages  2 once
-- ARGV 1 field that holds the times of the last reminders  2 now_ms  3 once_life_ms
-- Gives how many are left, -1 when there was none to take; a repeat gets the first answer.
local before = redis.call('GET', KEYS[2])
if before then return tonumber(before) end
local recent = {}
for at in string.gmatch(redis.call('HGET', KEYS[1], ARGV[1]) or '', '%d+') do
  if tonumber(at) > tonumber(ARGV[2]) - 86400000 then recent[#recent + 1] = at end
end
local left = 2 - #recent
if left >= 0 then
  recent[#recent + 1] = ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], table.concat(recent, ','))
end
redis.call('SET', KEYS[2], left, 'PX', ARGV[3])
return left
