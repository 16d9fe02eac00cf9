-- Notes that a member likes a submission of an activity that is open; one like each, none for one's own.
-- KEYS 1 the activity  2 states  3 who likes it  4 shown of its activity
-- ARGV 1 now_ms  2 number  3 member  4 author's member number ('' nobody is named)  5 digest of the act
-- Gives 'outcome|likes': ok, already, own, closed (the activity takes nothing) or gone (it is not shown). A repeat of the act gets ok again.
local kept = redis.call('HGET', KEYS[2], ARGV[2])
local head, likes, tail = string.match(kept or '', '^(%a+|)(%d+)(|.*)$')
local function say(outcome) return outcome .. '|' .. (likes or '0') end
local before = redis.call('HGET', KEYS[3], ARGV[3])
if before then return say(before == ARGV[5] and 'ok' or 'already') end
if not likes or not redis.call('ZSCORE', KEYS[4], ARGV[2]) then return say('gone') end
if ARGV[3] == ARGV[4] then return say('own') end
local state, closes = unpack(redis.call('HMGET', KEYS[1], 'state', 'closes'))
closes = tonumber(closes or '') or 0
if state ~= 'open' or (closes > 0 and tonumber(ARGV[1]) >= closes) then return say('closed') end
likes = string.format('%d', likes + 1)
redis.call('HSET', KEYS[3], ARGV[3], ARGV[5])
redis.call('HSET', KEYS[2], ARGV[2], head .. likes .. tail)
redis.call('ZINCRBY', KEYS[4], 1000000000, ARGV[2])
return say('ok')
