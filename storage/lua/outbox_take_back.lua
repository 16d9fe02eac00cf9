-- uses: caps
-- Takes one delivery out of its queue unsent: its mailing was stopped, its receiver is forgotten, or it may not go any more. What it took of the caps of
-- its day is handed back.
-- KEYS 1 queue  2 due  3 leases  4 stopped mailings  5 events  6 the mailing  7 counts of the day (6, 7 of one that counts in a mailing)
-- ARGV 1 member of due  2 item as it stands in the queue  3 now_ms  4 why: stopped, erased, or another reason  5 community|name of its mailing
--      6 community  7 name of its mailing  8 member number (0: none)  9 data of its event (JSON; '' it tells of nobody)
--      10 fence of the lease under which it is taken ('' none)  then the fields of the counts
-- Gives 1; or 0 where it stands there no more, or that lease was lost: then nothing was done. A lease on it is lost; its holder cannot settle any more.
if ARGV[10] ~= '' and redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[10] then return 0 end
local was_head = redis.call('LINDEX', KEYS[1], 0) == ARGV[2]
if redis.call('LREM', KEYS[1], 1, ARGV[2]) == 0 then return 0 end
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
elseif was_head and redis.call('HDEL', KEYS[3], ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[2], 0, ARGV[1]) -- the next one may go at once
end
if #KEYS >= 6 then
  if ARGV[4] == 'stopped' then
    redis.call('HINCRBY', KEYS[4], ARGV[5], 1)
  elseif redis.call('EXISTS', KEYS[6]) == 1 then
    redis.call('HINCRBY', KEYS[6], 'skip:' .. ARGV[4], 1)
    redis.call('HINCRBY', KEYS[6], 'back', 1)
  end
  local fields = {}
  for i = 11, #ARGV do fields[#fields + 1] = ARGV[i] end
  if #fields > 0 then caps.hand_back(KEYS[7], fields) end
end
if ARGV[9] ~= '' then
  redis.call('XADD', KEYS[5], '*', 'v', '1', 't', ARGV[3], 'kind', 'push', 'c', ARGV[6], 'm', ARGV[8], 'id', ARGV[7], 'data', ARGV[9])
end
return 1
