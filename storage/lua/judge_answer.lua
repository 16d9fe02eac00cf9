-- Counts what a member says of an answer. He counts once for it: a second verdict takes the place of his first.
-- KEYS 1 once: his verdict  2 verdicts by entry
-- ARGV 1 verdict: useful, useless or '' (taken back)  2 entry id  3 once_life_ms
-- Gives his verdict before; nil when he had said nothing of it.
local before = redis.call('GET', KEYS[1])
if before == ARGV[1] then return before end
if before and before ~= '' and redis.call('HINCRBY', KEYS[2], before .. '|' .. ARGV[2], -1) <= 0 then
  redis.call('HDEL', KEYS[2], before .. '|' .. ARGV[2])
end
if ARGV[1] ~= '' then redis.call('HINCRBY', KEYS[2], ARGV[1] .. '|' .. ARGV[2], 1) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return before
