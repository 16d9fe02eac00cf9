-- Keeps how well a community is, and tells of troubles that are new: both or neither, and each trouble once however many clocks looked.
-- KEYS 1 lights of the community  2 due  3… one outbox queue for each delivery
-- ARGV 1 now_ms  2 serial of the look that this one was decided on  3 shard  4 what is shown (JSON)
--      5 number of troubles, then name, when it was told (ms) each; then for each delivery its member of due and its item (JSON)
-- Gives 1, or 0 when another look was kept meanwhile: then nothing was done.
if (redis.call('HGET', KEYS[1], 'serial') or '0') ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'serial', ARGV[2] + 1, 'at', ARGV[1], 'shown', ARGV[4])
local at = 6
for _ = 1, tonumber(ARGV[5]) do
  redis.call('HSET', KEYS[1], 'told:' .. ARGV[at], ARGV[at + 1])
  at = at + 2
end
for queue = 3, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[2], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 2 then redis.call('PUBLISH', 'qb:bell', ARGV[3]) end
return 1
