-- Makes an activity, as a draft, under the next number of its community.
-- KEYS 1 once  2 activities  3 the activity of the number that is next  4 events
-- ARGV 1 now_ms  2 community  3 digest of the act ('' none)  4 number that is next  5 author  6 event data (JSON)  7 life of the once marker in ms
--      8… fields of the activity and their values
-- Gives {'done', number}, {'again', the number that a repeat made first}, or {'moved', 0} when another took the number.
if ARGV[3] ~= '' then
  local first = redis.call('GET', KEYS[1])
  if first then return {'again', tonumber(first)} end
end
if redis.call('ZCARD', KEYS[2]) + 1 ~= tonumber(ARGV[4]) then return {'moved', 0} end
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[4])
for at = 8, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1]) end
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[5], 'id', ARGV[3], 'data', ARGV[6])
if ARGV[3] ~= '' then redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[7]) end
return {'done', tonumber(ARGV[4])}
