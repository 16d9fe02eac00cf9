-- Forgets a member's flows: his states, their alarms, and the definitions that only he held on to. The funnel's counts stay.
-- KEYS 1 states of the member  2 definitions  3 due index of the shard
-- ARGV 1 community  2 member
-- Gives how many flows were forgotten.
local flat = redis.call('HGETALL', KEYS[1])
for at = 1, #flat, 2 do
  local state = cjson.decode(string.match(flat[at + 1], '|(.*)$'))
  redis.call('ZREM', KEYS[3], ARGV[1] .. '|' .. ARGV[2] .. '|' .. flat[at])
  if state.held ~= false and redis.call('HINCRBY', KEYS[2], state.digest .. '#', -1) <= 0 then
    redis.call('HDEL', KEYS[2], state.digest, state.digest .. '#')
  end
end
redis.call('DEL', KEYS[1])
return #flat / 2
