-- uses: tally
-- Ends a delivery that arrived: out of its queue, into the event log.
-- KEYS 1 queue  2 due  3 leases  4 events  5, 6 counts of the day of the community and of the group of a planned push
--      7 places  8 the newest push of that group  9 events: none of these for any other delivery
--      last two, of one that counts in a mailing: the mailing, whom it arrived at
-- ARGV 1 member of due  2 fence  3 now_ms  4 community  5 member number (0: nobody)  6 event data (JSON)
--      7 whom it is for in its mailing ('' none: member number or chat)  8 life of that in ms  9 whether it may have arrived twice: 1 or 0
--      then the ids that arrived: more than one when small notices were merged
-- Gives 2 when more waits for this target in any lane, else 1; or 0 when the lease was lost: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('LPOP', KEYS[1])
if redis.call('LLEN', KEYS[1]) > 0 then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
for i = 10, #ARGV do
  redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[3], 'kind', 'outbound', 'c', ARGV[4], 'm', ARGV[5], 'id', ARGV[i], 'data', ARGV[6])
end
if #KEYS >= 9 then tally.pushed(KEYS[5], KEYS[6], KEYS[7], 'pushes_sent', KEYS[8], ARGV[3]) end
if ARGV[7] ~= '' then
  redis.call('HINCRBY', KEYS[#KEYS - 1], 'sent', 1)
  if ARGV[9] == '1' then redis.call('HINCRBY', KEYS[#KEYS - 1], 'twice', 1) end
  redis.call('ZADD', KEYS[#KEYS], tonumber(ARGV[5]), ARGV[7])
  redis.call('PEXPIRE', KEYS[#KEYS], ARGV[8])
end
local target = string.match(ARGV[1], ':(.*)$')
for _, lane in ipairs({'now:', 'bulk:'}) do
  if redis.call('ZSCORE', KEYS[2], lane .. target) then return 2 end
end
return 1
