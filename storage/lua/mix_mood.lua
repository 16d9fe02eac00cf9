-- Mixes a mood score into the weighted means of a group and of a member.
-- KEYS 1 moods
-- ARGV 1 member  2 score 0..1  3 weight of the new score 0..1
-- Gives the group's mean as text.
local function mix(field)
  local kept = redis.call('HGET', KEYS[1], field)
  local mean, count = tonumber(ARGV[2]), 0
  if kept then
    local before, n = string.match(kept, '^([^|]+)|(%d+)$')
    mean, count = tonumber(before) * (1 - tonumber(ARGV[3])) + mean * tonumber(ARGV[3]), tonumber(n)
  end
  local text = string.format('%.4f', mean)
  redis.call('HSET', KEYS[1], field, text .. '|' .. (count + 1))
  return text
end
mix('m' .. ARGV[1])
return mix('group')
