-- uses: tally
-- Counts what a member says of an answer. He counts once for it: a second verdict takes the place of his first.
-- KEYS 1 once: his verdict  2 verdicts by entry  3 events  4 counts of the day  5 places
-- ARGV 1 verdict: useful, useless or '' (taken back)  2 entry id  3 once_life_ms  4 now_ms  5 community  6 member
-- Gives his verdict before; nil when he had said nothing of it.
local before = redis.call('GET', KEYS[1])
if before == ARGV[1] then return before end
if before and before ~= '' then
  if redis.call('HINCRBY', KEYS[2], before .. '|' .. ARGV[2], -1) <= 0 then redis.call('HDEL', KEYS[2], before .. '|' .. ARGV[2]) end
  tally.count(KEYS[4], KEYS[5], before, -1)
end
if ARGV[1] ~= '' then
  redis.call('HINCRBY', KEYS[2], ARGV[1] .. '|' .. ARGV[2], 1)
  tally.count(KEYS[4], KEYS[5], ARGV[1], 1)
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('XADD', KEYS[3], '*', 'v', '1', 't', ARGV[4], 'kind', 'change', 'c', ARGV[5], 'm', ARGV[6], 'id', '', 'data',
  cjson.encode({act = 'judge', entry = ARGV[2], before = before or '', after = ARGV[1]}))
return before
