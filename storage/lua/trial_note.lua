-- Keeps what a trial would have done with a message, once.
-- KEYS 1 trial  2 its rows
-- ARGV 1 now_ms  2 message id  3 row (JSON)  4 its outcome: warn or review  5 most rows
-- Gives 1, or 0 for a repeat. What no row is free for is only counted; then a repeat cannot be told, which a count can bear.
redis.call('HSETNX', KEYS[1], 'since', ARGV[1])
if redis.call('HLEN', KEYS[2]) < tonumber(ARGV[5]) and redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3]) == 0 then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 or redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) then redis.call('HINCRBY', KEYS[1], ARGV[4], 1) end
return 1
