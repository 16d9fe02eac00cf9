-- Removes a dead letter for good.
-- KEYS 1 dead letters  2 what an act named once settled (none: it has no name)
-- ARGV 1 delivery id  2 what is to be known of it for the act's repeats  3 life of that in ms
-- Gives 1, or 0 when there is none of this id; a repeat of a named act gives 1.
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return 1
