-- Notes which pushes a member wants no more of in a community, or that he wants all of them again.
-- KEYS 1 opted out  2 once  3 events
-- ARGV 1 member  2 all, marketing, or '' for none  3 life of the once mark in ms  4 now_ms  5 community  6 id of the event  7 its data (JSON)
-- Gives what was noted before, '' for nothing. A repeat gives the same and changes nothing, whatever was said since.
local first = redis.call('GET', KEYS[2])
if first then return first end
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
redis.call('SET', KEYS[2], before, 'PX', ARGV[3])
if before == ARGV[2] then return before end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('XADD', KEYS[3], '*', 'v', '1', 't', ARGV[4], 'kind', 'change', 'c', ARGV[5], 'm', ARGV[1], 'id', ARGV[6], 'data', ARGV[7])
return before
