-- Buries a message (or the work behind one) that failed too often: out of the inbox, into the dead letters, with an error in the log.
-- KEYS 1 message state  2 inbox, or stream of work  3 dead letters  4 events
-- ARGV 1 now_ms  2 entry  3 dead letter (JSON)  4 message id  5 community  6 member  7 event data (JSON)
--      8 keep_ms of the state
-- Gives 1, or 0 when it had been finished or buried before.
if redis.call('XACK', KEYS[2], 'bot', ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], 'answer', '')
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('RPUSH', KEYS[3], ARGV[3])
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'error', 'c', ARGV[5], 'm', ARGV[6], 'id', ARGV[4], 'data', ARGV[7])
return 1
