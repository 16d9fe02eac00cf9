-- uses: tally, caps
-- Takes a dead letter back into its queue, at the end. A planned push that had counted as failed does so no more.
-- KEYS 1 queue  2 due  3 dead letters  4… of a planned push as in outbox_done.lua
--      then, of one that counts in a mailing: the mailing, and of one that took of the caps: the counts of that day
--      last: what an act named once settled (none: it has no name)
-- ARGV 1 member of due  2 now_ms  3 delivery id  4 the dead letter as it was read  5 item (JSON)  6 shard
--      7 what is to be known of it for the act's repeats  8 life of that in ms  9 whether the act has a name: 1 or 0  10 community
--      11 data of the event of a planned push (JSON)  12 whether it counts in a mailing: 1 or 0
--      then the fields of the counts
-- Gives 1, or 0 when somebody else has replayed or dropped it; a repeat of a named act gives 1.
local settled = ARGV[9] == '1' and KEYS[#KEYS]
local is_push = #KEYS >= 8
local mailed = is_push and 9 or 4
if settled and redis.call('EXISTS', settled) == 1 then return 1 end
if redis.call('HGET', KEYS[3], ARGV[3]) ~= ARGV[4] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('RPUSH', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], 'NX', ARGV[2], ARGV[1])
if settled then redis.call('SET', settled, ARGV[7], 'PX', ARGV[8]) end
if ARGV[12] == '1' then redis.call('HINCRBY', KEYS[mailed], 'failed', -1) end
local fields = {}
for i = 13, #ARGV do fields[#fields + 1] = ARGV[i] end
if #fields > 0 then caps.take(KEYS[mailed + 1], fields) end
if is_push then
  tally.count(KEYS[4], KEYS[6], 'pushes_failed', -1)
  if KEYS[5] ~= KEYS[4] then tally.count(KEYS[5], KEYS[6], 'pushes_failed', -1) end
  redis.call('XADD', KEYS[8], '*', 'v', '1', 't', ARGV[2], 'kind', 'outbound', 'c', ARGV[10], 'm', '0', 'id', ARGV[3], 'data', ARGV[11])
end
redis.call('PUBLISH', 'qb:bell', ARGV[6])
return 1
