-- Gives a member make-up cards.
-- KEYS 1 once  2 check-ins
-- ARGV 1 member  2 cards  3 once_life_ms
-- Gives how many he has then; a repeat gets its first result.
local before = redis.call('GET', KEYS[1])
if before then return before end
local kept = redis.call('HGET', KEYS[2], ARGV[1]) or '0|0|0|0|0|||'
local head, cards, rest = string.match(kept, '^(%d+|%d+|%d+|%d+|)(%d+)(.*)$')
local result = string.format('%d', tonumber(cards) + tonumber(ARGV[2]))
redis.call('HSET', KEYS[2], ARGV[1], head .. result .. rest)
redis.call('SET', KEYS[1], result, 'PX', ARGV[3])
return result
