-- Reads entries of an activity in order of arrival.
-- KEYS 1 order of arrival  2 entries
-- ARGV 1 first place (0)  2 last place
-- Gives the members and then, in the same order, their records (JSON; false where there is none).
local members, records = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2]), {}
for first = 1, #members, 1000 do
  local some = redis.call('HMGET', KEYS[2], unpack(members, first, math.min(first + 999, #members)))
  for _, record in ipairs(some) do records[#records + 1] = record end
end
return {members, records}
