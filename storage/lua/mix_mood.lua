-- Mixes mood scores into the weighted means of a group and of its members, in their order.
-- KEYS 1 moods
-- ARGV 1 weight of a new score 0..1, then for each message: member, score 0..1
-- Gives the number of messages.
local weight = tonumber(ARGV[1])
local means, counts = {}, {}
local function mix(field, score)
  if not means[field] then
    local before, n = string.match(redis.call('HGET', KEYS[1], field) or '', '^([^|]+)|(%d+)$')
    means[field], counts[field] = tonumber(before), tonumber(n) or 0
  end
  means[field] = means[field] and means[field] * (1 - weight) + score * weight or score
  counts[field] = counts[field] + 1
end
for at = 2, #ARGV, 2 do
  mix('m' .. ARGV[at], tonumber(ARGV[at + 1]))
  mix('group', tonumber(ARGV[at + 1]))
end
for field, mean in pairs(means) do
  redis.call('HSET', KEYS[1], field, string.format('%.4f', mean) .. '|' .. counts[field])
end
return (#ARGV - 1) / 2
