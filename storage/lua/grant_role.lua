-- Gives a member a role in one place, or takes it away, if he still has the one that the granter saw.
-- KEYS 1 roles  2 once
-- ARGV 1 field (member|place)  2 role, '' for none  3 the role that was seen, '' for none  4 life of the once mark in ms
-- Gives 1, or 0 when his role was another by then. A repeat gives 1 and changes nothing.
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[3] then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[4])
return 1
