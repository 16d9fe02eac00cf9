-- Adds a version of one kind of operators' content.
-- KEYS 1 versions  2 the kind's bodies
-- ARGV 1 kind  2 version (JSON)  3 only_first: 1 = only when the store has none yet
-- Gives the number of the newest version.
local newest = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if ARGV[3] == '1' and newest > 0 then return newest end
newest = newest + 1
redis.call('HSET', KEYS[2], newest, ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], newest)
return newest
