-- Ends a delivery that arrived: out of its queue, into the event log.
-- KEYS 1 queue  2 due  3 leases  4 events
-- ARGV 1 member of due  2 fence  3 now_ms  4 community  5 member number (0: nobody)  6 delivery id  7 event data (JSON)
-- Gives 1, or 0 when the lease was lost: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('LPOP', KEYS[1])
if redis.call('LLEN', KEYS[1]) > 0 then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[3], 'kind', 'outbound', 'c', ARGV[4], 'm', ARGV[5], 'id', ARGV[6], 'data', ARGV[7])
return 1
