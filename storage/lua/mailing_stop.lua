-- Stops a mailing, or lets one that waits after its first readers go on. What is queued of a stopped one is taken back as it is leased.
-- KEYS 1 mailing  2 mailings due  3 stopped  4 events
-- ARGV 1 now_ms  2 community  3 name  4 stop or go_on  5 who (member number, 0: the clock)  6 why (JSON text of the event)  7 life in ms  8 id of the event  9 why it is given up ('' somebody stopped it)
-- Gives 1; or 0 where there is nothing to stop or to go on: then nothing was done.
local state = redis.call('HGET', KEYS[1], 'state')
local member = ARGV[2] .. '|' .. ARGV[3]
if not state or state == 'stopped' then return 0 end
if ARGV[4] == 'go_on' then
  if state ~= 'first' then return 0 end
  redis.call('HSET', KEYS[1], 'state', 'running', 'next', ARGV[1])
  redis.call('ZADD', KEYS[2], ARGV[1], member)
else
  local counts = redis.call('HMGET', KEYS[1], 'queued', 'sent', 'failed', 'back')
  for n = 1, 4 do counts[n] = tonumber(counts[n] or '0') end
  if state == 'done' and counts[1] <= counts[2] + counts[3] + counts[4] then return 0 end
  redis.call('HSET', KEYS[1], 'state', 'stopped', 'ended', ARGV[1], 'by', ARGV[5], 'why', ARGV[9])
  redis.call('ZREM', KEYS[2], member)
  redis.call('HSETNX', KEYS[3], member, 0)
  redis.call('PEXPIRE', KEYS[3], ARGV[7])
end
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[5], 'id', ARGV[8], 'data', ARGV[6])
return 1
