-- Settles an experiment, or takes that back: its state changes together with the arm that is sent to all, once.
-- KEYS 1 experiments  2 winners  3 once  4 events  5 due  6… the queue of each delivery
-- ARGV 1 now_ms  2 community  3 field of the experiment  4 its row as it was seen  5 its row from now on (JSON)  6 push  7 mark|arm that all get ('' none)
--      8 once  9 once_life_ms  10 event data (JSON)  11 shard  then member of due, item (JSON) of each delivery
-- Gives 1, or 0 when it was changed meanwhile; a repeat gets its first result.
local before = redis.call('GET', KEYS[3])
if before then return tonumber(before) end
if redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[5])
if ARGV[7] == '' then redis.call('HDEL', KEYS[2], ARGV[6]) else redis.call('HSET', KEYS[2], ARGV[6], ARGV[7]) end
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', '0', 'id', ARGV[8], 'data', ARGV[10])
for n = 6, #KEYS do
  local at = 12 + (n - 6) * 2
  redis.call('RPUSH', KEYS[n], ARGV[at + 1])
  redis.call('ZADD', KEYS[5], 'NX', ARGV[1], ARGV[at])
end
if #KEYS > 5 then redis.call('PUBLISH', 'qb:bell', ARGV[11]) end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[9])
return 1
