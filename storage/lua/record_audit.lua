-- Appends one row to an audit, once.
-- KEYS 1 audit (stream)  2 once
-- ARGV 1 t (ms)  2 actor  3 act  4 subject  5 before  6 after  7 life of the once mark in ms, 0: without one
-- Gives 1, or 0 when it was done before.
if tonumber(ARGV[7]) > 0 and redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[7]) == false then return 0 end
redis.call('XADD', KEYS[1], '*', 't', ARGV[1], 'actor', ARGV[2], 'act', ARGV[3], 'subject', ARGV[4], 'before', ARGV[5], 'after', ARGV[6])
return 1
