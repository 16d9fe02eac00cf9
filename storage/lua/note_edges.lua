-- Notes that members recognised others: each pair's weight, which fades by the day, grows. What was noted before is known by its entry in the log.
-- KEYS 1 edges
-- ARGV 1 half-life (days); then for each: giver, taker, weight, day (ordinal), entry of the log
-- Gives how many were new.
local function is_after(entry, other)
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms > other_ms or (ms == other_ms and tonumber(seq) > tonumber(other_seq))
end
local half_life, noted = tonumber(ARGV[1]), 0
for at = 2, #ARGV, 5 do
  local field, weight, day, entry = ARGV[at] .. '>' .. ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), ARGV[at + 4]
  local kept = redis.call('HGET', KEYS[1], field)
  local known, since, last
  if kept then known, since, last = string.match(kept, '^([^|]+)|([^|]+)|(.+)$') end
  if not kept or is_after(entry, last) then
    if kept then
      local newest = math.max(day, tonumber(since))
      weight = weight * 0.5 ^ ((newest - day) / half_life) + tonumber(known) * 0.5 ^ ((newest - tonumber(since)) / half_life)
      day = newest
    end
    redis.call('HSET', KEYS[1], field, string.format('%.6g|%d|%s', weight, day, entry))
    noted = noted + 1
  end
end
return noted
