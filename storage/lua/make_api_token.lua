-- Keeps a new token of the open interface, after sweeping out what is over.
-- KEYS 1 tokens  2 days on which they were used  3 tokens that were ended
-- ARGV 1 digest of the token  2 what is kept of it (JSON)  3 its place  4 tokens that a place may have  5 now (ms)
-- Gives what is kept: ARGV 2, or for a repeat what the first one kept; 'ended' when this token was ended before, 'full' when its place has enough of them.
local now = tonumber(ARGV[5])
local ended = redis.call('HGETALL', KEYS[3])
for i = 1, #ended, 2 do
  if tonumber(ended[i + 1]) <= now then redis.call('HDEL', KEYS[3], ended[i]) end
end
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then return 'ended' end
local kept, there = redis.call('HGETALL', KEYS[1]), 0
for i = 1, #kept, 2 do
  if kept[i] == ARGV[1] then return kept[i + 1] end
  local one = cjson.decode(kept[i + 1])
  if one['until'] <= now then
    redis.call('HDEL', KEYS[1], kept[i])
    redis.call('HDEL', KEYS[2], one.id)
  elseif one.place == ARGV[3] then
    there = there + 1
  end
end
if there >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]
