-- Ends a member's login by password, whoever asks for it.
-- KEYS 1 login of the member  2 seed of the next one
-- ARGV 1 new seed  2 its life in ms
-- Gives 1, or 0 when he had none.
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
