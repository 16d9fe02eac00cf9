-- Notes how far a reader of the event log has come, unless a later holder of his lease has noted it already.
-- KEYS 1 who reads the log
-- ARGV 1 reader  2 how far|when (ms)  3 number of the reader's lease, 0 without one
-- Gives 1, or 0 when the reader is not the one any more: then nothing was noted.
if tonumber(ARGV[3]) < tonumber(redis.call('HGET', KEYS[1], ARGV[1] .. '#') or 0) then return 0 end
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[1] .. '#', ARGV[3]) and 1
