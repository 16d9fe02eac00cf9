-- uses: cases
-- Takes a member out of those who reported a case, and what his report weighed out of its place in the queue.
-- KEYS 1 reports by case  2 states  3 queue
-- ARGV 1 case number  2 member
-- Gives 1, or 0 when he was not among them.
local listed, s = redis.call('HGET', KEYS[1], ARGV[1]), cases.read(KEYS[2], ARGV[1])
if not listed then return 0 end
local rest, weight = {}, nil
for entry in string.gmatch(listed, '[^,]+') do
  local reporter, weighs = string.match(entry, '^(%d+):(.*)$')
  if reporter == ARGV[2] then weight = tonumber(weighs) else rest[#rest + 1] = entry end
end
if not weight then return 0 end
if #rest > 0 then redis.call('HSET', KEYS[1], ARGV[1], table.concat(rest, ',')) else redis.call('HDEL', KEYS[1], ARGV[1]) end
if s then
  s.weight = math.max(0, s.weight - weight)
  cases.write(KEYS[2], ARGV[1], s)
  local place = redis.call('ZSCORE', KEYS[3], ARGV[1])
  if place then redis.call('ZADD', KEYS[3], cases.place(place, -weight), ARGV[1]) end
end
return 1
