-- Puts deliveries into the outbox, each id once.
-- KEYS 1 due  then for each delivery: its queue, its once marker
-- ARGV 1 now_ms  2 life of the markers in ms  3 shard  then for each delivery: its member of due, its item (JSON)
-- Gives how many were new.
local new = 0
for i = 2, #KEYS, 2 do
  if redis.call('SET', KEYS[i + 1], '1', 'NX', 'PX', ARGV[2]) then
    redis.call('RPUSH', KEYS[i], ARGV[i + 3])
    -- NX: a queue that waits for its turn, or is being worked on, keeps its time
    redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[i + 2])
    new = new + 1
  end
end
if new > 0 then redis.call('PUBLISH', 'qb:bell', ARGV[3]) end
return new
