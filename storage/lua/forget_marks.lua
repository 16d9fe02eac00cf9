-- uses: tally
-- Takes an erased member out of one place in one shard: his marks go, he is gone from those who are there, and the log is told – all or nothing, so
-- that a process that dies loses none of it.
-- KEYS 1 who is here  2 counts of the first day that is not closed  3 places  4 events  5… the other bitmaps that may mark him
-- ARGV 1 the member's number  2 community  3 that day's moment (ms)  4 place: community or community/chat  5 the day  6 whether he counts as gone: 1 or 0
-- Gives how many marks went; with none nothing is told.
local member, cleared = ARGV[1], 0
for at = 5, #KEYS do
  cleared = cleared + redis.call('SETBIT', KEYS[at], member, 0)
end
local was_here = redis.call('SETBIT', KEYS[1], member, 0) == 1
if not was_here and cleared == 0 then return 0 end
local is_gone = was_here and ARGV[6] == '1'
if is_gone then tally.count(KEYS[2], KEYS[3], 'gone', 1) end
local facts = cjson.encode({act = 'erased', place = ARGV[4], day = ARGV[5], gone = is_gone})
redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[3], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', '', 'data', facts)
return cleared + (was_here and 1 or 0)
