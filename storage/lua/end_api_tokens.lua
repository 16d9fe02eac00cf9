-- Ends tokens of the open interface, so that no repeat of the form that made one brings it back.
-- KEYS 1 tokens  2 days on which they were used  3 tokens that were ended
-- ARGV of each token: digest, id, until when (ms) it is remembered as ended
-- Gives how many there were.
local gone = 0
for i = 1, #ARGV, 3 do
  gone = gone + redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('HDEL', KEYS[2], ARGV[i + 1])
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
end
return gone
