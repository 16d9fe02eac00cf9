-- Counts what came of pushes on trial: the units whose hours run, who was reached before, and the tallies change together or not at all.
-- KEYS 1 open units  2 when they close  3… of each experiment: days, members reached, groups reached
-- ARGV 1 revision that this was decided on ('' none)  2 number of changed units, then unit, JSON ('' forgotten), closes_ms each
--      then number of first exposures: which experiment (0, 1…), unit each; then number of sums: which experiment, field, how many each
-- Gives 1, or 0 when something was counted meanwhile: then nothing was done. A unit is m:<number> or g:<chat>.
if (redis.call('HGET', KEYS[1], 'rev') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'rev', (tonumber(ARGV[1]) or 0) + 1)
local at = 2
local function take()
  at = at + 1
  return ARGV[at - 1]
end
for _ = 1, tonumber(take()) do
  local unit, row, closes = take(), take(), take()
  if row == '' then
    redis.call('HDEL', KEYS[1], unit)
    redis.call('ZREM', KEYS[2], unit)
  else
    redis.call('HSET', KEYS[1], unit, row)
    redis.call('ZADD', KEYS[2], closes, unit)
  end
end
for _ = 1, tonumber(take()) do
  local key, unit = 3 + 3 * take(), take()
  if string.sub(unit, 1, 2) == 'm:' then
    redis.call('SETBIT', KEYS[key + 1], string.sub(unit, 3), 1)
  else
    redis.call('SADD', KEYS[key + 2], string.sub(unit, 3))
  end
end
for _ = 1, tonumber(take()) do
  local key, field, n = 3 + 3 * take(), take(), take()
  redis.call('HINCRBY', KEYS[key], field, n)
end
return 1
