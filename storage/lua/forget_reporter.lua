-- Takes a member out of those who reported a case.
-- KEYS 1 reports by case
-- ARGV 1 case number  2 member
-- Gives 1, or 0 when he was not among them.
local listed = redis.call('HGET', KEYS[1], ARGV[1])
if not listed then return 0 end
local rest, found = {}, 0
for entry in string.gmatch(listed, '[^,]+') do
  if string.match(entry, '^(%d+):') == ARGV[2] then found = 1 else rest[#rest + 1] = entry end
end
if found == 1 then
  if #rest > 0 then redis.call('HSET', KEYS[1], ARGV[1], table.concat(rest, ',')) else redis.call('HDEL', KEYS[1], ARGV[1]) end
end
return found
