-- Keeps a night's work on who is listened to: the influence of members, relations that faded forgotten (unless they grew meanwhile), what came of it.
-- KEYS 1 edges  2 influence  3 member models  4 events
-- ARGV 1 now_ms  2 community  3 the night (day)  4 what came of it (JSON)  5 whether the log is told (1 or 0)
--      6 how many relations faded, then field, value each; then influence, member each
-- Gives 1, or 0 when this night's work is done already, or a later one's: then nothing was done.
if (redis.call('HGET', KEYS[3], 'night') or '') >= ARGV[3] then return 0 end
local at = 7
for _ = 1, tonumber(ARGV[6]) do
  if redis.call('HGET', KEYS[1], ARGV[at]) == ARGV[at + 1] then redis.call('HDEL', KEYS[1], ARGV[at]) end
  at = at + 2
end
redis.call('DEL', KEYS[2])
for place = at, #ARGV, 2 do redis.call('ZADD', KEYS[2], ARGV[place], ARGV[place + 1]) end
redis.call('HSET', KEYS[3], 'night', ARGV[3], 'found', ARGV[4])
if ARGV[5] == '1' then
  redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', 0, 'id', '', 'data', ARGV[4])
end
return 1
