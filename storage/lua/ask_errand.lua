-- Asks for an errand; asking again before it is begun changes nothing but its facts.
-- KEYS 1 errands  2 the errand  3 once (left out: may be asked for again)
-- ARGV 1 errand  2 due_ms  3 number of facts that the newest asking decides, then field, value each; then field, value of those that the first decides; once_life_ms stands last where there is a third key
if KEYS[3] and not redis.call('SET', KEYS[3], '1', 'NX', 'PX', table.remove(ARGV)) then return end
redis.call('HINCRBY', KEYS[2], 'hints', 1)
local newest = 3 + 2 * tonumber(ARGV[3])
for at = 4, newest, 2 do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]) end
for at = newest + 1, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[at], ARGV[at + 1]) end
-- NX: one that is being done, or is put off, keeps its time; who does it sees that it was asked for again
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
