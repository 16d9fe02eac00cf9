-- Notes which community a member wants his single chat to belong to, or that it is to go by where he was last seen.
-- KEYS 1 chosen  2 once
-- ARGV 1 member number  2 community, '' for where he was last seen  3 life of the once mark in ms
-- Gives 1, or 0 for a repeat, which changes nothing.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return 1
