-- Takes one turn at a target, or says how long to wait for it. Never more than count turns in any window of a period, however it is laid.
-- KEYS 1 log of the last turns (list of ms, oldest first)  2 pause
-- ARGV 1 now_ms  2 life of the log in ms  then for each rule: count, period in ms
-- Gives the wait in ms; 0: the turn was taken, by all rules at once.
local now, wait = tonumber(ARGV[1]), 0
local pause = tonumber(redis.call('GET', KEYS[2]) or '0')
if pause > now then wait = pause - now end
local last, longest, most = tonumber(redis.call('LINDEX', KEYS[1], -1) or '0'), 0, 0
for i = 3, #ARGV, 2 do
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
for i = 3, #ARGV, 2 do
  local before = redis.call('LINDEX', KEYS[1], -tonumber(ARGV[i]))
  if before then wait = math.max(wait, tonumber(before) + tonumber(ARGV[i + 1]) - now) end
end
if wait > 0 then return math.ceil(wait) end
if most == 0 then return 0 end
redis.call('RPUSH', KEYS[1], string.format('%.0f', at))
redis.call('LTRIM', KEYS[1], -most, -1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
