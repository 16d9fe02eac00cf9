-- Replaces what is shown of an answer in parts, and keeps its work with the process that makes it.
-- KEYS 1 what is shown  2 work
-- ARGV 1 text  2 entry of the work  3 consumer
-- Gives 1, or 0 when the answer has ended or is forgotten: then nothing was done.
if redis.call('HGET', KEYS[1], 'done') ~= '0' then return 0 end
redis.call('HSET', KEYS[1], 'text', ARGV[1])
redis.call('XCLAIM', KEYS[2], 'bot', ARGV[3], 0, ARGV[2], 'JUSTID')
return 1
