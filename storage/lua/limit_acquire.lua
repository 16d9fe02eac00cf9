-- Takes one turn at a target, or says how long to wait for it. Never more than count turns in any window of a period, however it is laid.
-- KEYS 1 log of the last turns (list of ms, oldest first)  2 pause  3 trouble (circuit_failed.lua)
-- ARGV 1 now_ms  2 life of the log in ms  3 how long a trial may take in ms  then for each rule: count, period in ms
-- Gives {wait in ms, 1 when less than a quarter of some rule is left, consecutive failures}; wait 0: the turn was taken, by all rules at once. A circuit that was open long
-- enough gives one turn, the trial, and is shut to all others meanwhile.
local now, wait = tonumber(ARGV[1]), 0
local pause = tonumber(redis.call('GET', KEYS[2]) or '0')
if pause > now then wait = pause - now end
local trouble = redis.call('HMGET', KEYS[3], 'fails', 'open_until')
local fails, open_until = tonumber(trouble[1] or '0'), tonumber(trouble[2] or '0')
wait = math.max(wait, open_until - now)
local last, longest, most = tonumber(redis.call('LINDEX', KEYS[1], -1) or '0'), 0, 0
for i = 4, #ARGV, 2 do
  longest = math.max(longest, tonumber(ARGV[i + 1]))
  most = math.max(most, tonumber(ARGV[i]))
end
-- a process whose clock is a little behind must not put an earlier time after a later one …
local at = math.max(now, last)
-- … and one whose clock was far ahead must not stop the target for ever
if most > 0 and last > now + longest then
  redis.call('DEL', KEYS[1])
  at = now
end
local near = 0
for i = 4, #ARGV, 2 do
  local count, period = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local before = redis.call('LINDEX', KEYS[1], -count)
  if before then wait = math.max(wait, tonumber(before) + period - now) end
  local quarter = redis.call('LINDEX', KEYS[1], -math.ceil(count * 3 / 4))
  if quarter and tonumber(quarter) + period > now then near = 1 end
end
if wait > 0 then return {math.ceil(wait), 1, fails} end
if open_until > 0 then redis.call('HSET', KEYS[3], 'open_until', now + tonumber(ARGV[3]), 'trial', 1) end
if most == 0 then return {0, 0, fails} end
redis.call('RPUSH', KEYS[1], string.format('%.0f', at))
redis.call('LTRIM', KEYS[1], -most, -1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {0, near, fails}
