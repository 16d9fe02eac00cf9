-- Notes what a roster showed of who came and went: since when somebody was there, and when he was first seen to be gone.
-- KEYS 1 arrivals
-- ARGV 1 now (s)  2 how long somebody may be away (s)  then for each member: his number, since when he was there (s), whether he has left since 0/1
-- A record is joined|left, the earliest of each; a departure is forgotten when he joined, here or in another group, before he was away for long.
-- Who was there before we looked is noted when he leaves.
for at = 3, #ARGV, 3 do
  local since = tonumber(ARGV[at + 1])
  local joined, left = string.match(redis.call('HGET', KEYS[1], ARGV[at]) or '', '^(%d+)|(%d+)$')
  joined, left = math.min(tonumber(joined) or since, since), tonumber(left) or 0
  if ARGV[at + 2] == '1' then
    if left == 0 then left = tonumber(ARGV[1]) end
  elseif since < left + tonumber(ARGV[2]) then
    left = 0
  end
  redis.call('HSET', KEYS[1], ARGV[at], string.format('%d|%d', joined, left))
end
return (#ARGV - 2) / 3
