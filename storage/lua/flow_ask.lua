-- Has a member's next words in a chat taken for the answer to a flow's question, unless something was asked of him there after it: what he was
-- asked last is what he answers.
-- KEYS 1 the waiting question
-- ARGV 1 when it was asked, in ms  2 the question (JSON)  3 its life in ms
-- Gives 1, or 0 when something newer waits for an answer.
local before = redis.call('GET', KEYS[1])
if before and cjson.decode(before).at > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
