-- uses: heard
-- Leaves a flooder unanswered for a while.
-- KEYS 1 how much the member spoke
-- ARGV 1 now_ms  2 until when (ms)
-- Gives 1 where he was answered until now, else 0: then nothing changes.
local quiet, kept = heard.read(redis.call('GET', KEYS[1]), tonumber(ARGV[1]))
if quiet ~= '' then return 0 end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. kept, 'PX', math.max(600000, ARGV[2] - ARGV[1]))
return 1
