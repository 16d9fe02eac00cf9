-- Forgets that a member is asked a flow's question in a chat, unless he was asked something else there since.
-- KEYS 1 the waiting question
-- ARGV 1 the question's name
-- Gives 1, or 0 when it was not waited for any more.
local before = redis.call('GET', KEYS[1])
if not before then return 0 end
local asked = cjson.decode(before)
if asked.kind ~= 'flow' or asked.choices[1] ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
