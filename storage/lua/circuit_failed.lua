-- Counts a failure in a row; enough of them open the circuit for a while that grows with every failed trial.
-- KEYS 1 trouble: fails, opened (how often in a row), open_until (ms), trial, since (ms of the first opening)
-- ARGV 1 now_ms  2 failures that open it  3 first wait in ms  4 longest wait in ms
-- Gives how long it is open from now in ms (0: it is closed), and 1 when this failure opened it for the first time in a row.
local now, fails = tonumber(ARGV[1]), redis.call('HINCRBY', KEYS[1], 'fails', 1)
local life = tonumber(ARGV[4]) + 3600000
redis.call('PEXPIRE', KEYS[1], life)
local opened = tonumber(redis.call('HGET', KEYS[1], 'opened') or '0')
local open_until = tonumber(redis.call('HGET', KEYS[1], 'open_until') or '0')
-- what was on its way when the circuit opened says nothing new
if opened > 0 and redis.call('HDEL', KEYS[1], 'trial') == 0 and open_until > now then return {open_until - now, 0} end
if opened == 0 and fails < tonumber(ARGV[2]) then return {0, 0} end
local wait = math.min(tonumber(ARGV[3]) * 2 ^ opened, tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], 'opened', opened + 1, 'open_until', string.format('%.0f', now + wait))
if opened == 0 then redis.call('HSET', KEYS[1], 'since', ARGV[1]) end
return {wait, opened == 0 and 1 or 0}
