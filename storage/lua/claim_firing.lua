-- Claims one firing of a push and queues it, once over all processes.
-- KEYS 1 fired marker  2 last firings  3 events  4 due  5 outbox queue
-- ARGV 1 now_ms  2 push  3 planned_ms  4 marker_life_ms  5 community  6 event data  7 member of due  8 item (JSON)  9 shard
-- Gives 1 for the one that claimed it, else 0.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[4]) == false then return 0 end
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0') then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
redis.call('XADD', KEYS[3], '*', 'v', '1', 't', ARGV[1], 'kind', 'push', 'c', ARGV[5], 'm', '0', 'id', ARGV[2] .. '@' .. ARGV[3], 'data', ARGV[6])
redis.call('RPUSH', KEYS[5], ARGV[8])
redis.call('ZADD', KEYS[4], 'NX', ARGV[1], ARGV[7])
redis.call('PUBLISH', 'qb:bell', ARGV[9])
return 1
