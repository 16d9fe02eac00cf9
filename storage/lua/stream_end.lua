-- Ends an answer in parts: its last text, its event, and what is to be sent of it.
-- KEYS 1 what is shown  2 work  3 events  4 due  5… one outbox queue for each delivery
-- ARGV 1 now_ms  2 entry of the work  3 text  4 community  5 member  6 message id  7 event data (JSON)  8 life_ms  9 shard
--      10 for each delivery its member of due and its item (JSON)
-- Gives 1, or 0 when it had ended before or is forgotten: then only the work is taken off.
redis.call('XACK', KEYS[2], 'bot', ARGV[2])
redis.call('XDEL', KEYS[2], ARGV[2])
if redis.call('HGET', KEYS[1], 'done') ~= '0' then return 0 end
redis.call('HSET', KEYS[1], 'text', ARGV[3], 'done', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('XADD', KEYS[3], '*', 'v', '1', 't', ARGV[1], 'kind', 'outbound', 'c', ARGV[4], 'm', ARGV[5], 'id', ARGV[6], 'data', ARGV[7])
local at = 10
for queue = 5, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[4], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 4 then redis.call('PUBLISH', 'qb:bell', ARGV[9]) end
return 1
