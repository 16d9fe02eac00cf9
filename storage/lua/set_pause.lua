-- Notes how much is stopped in a community, or that nothing is any more; so, too, since when it is in crisis.
-- KEYS 1 pauses, or crises  2 once
-- ARGV 1 community  2 what is stopped (posts, all; since when), '' for nothing  3 life of the once mark in ms
-- Gives what was noted before, '' for nothing. A repeat gives the same and changes nothing, whatever was said since.
local first = redis.call('GET', KEYS[2])
if first then return first end
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('SET', KEYS[2], before, 'PX', ARGV[3])
return before
