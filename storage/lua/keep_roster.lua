-- uses: tally
-- Keeps a new look at a customer group and tells what changed since the last one: both or neither, and each change once. Who is gone is not
-- welcomed any more.
-- KEYS 1 group  2 seats  3 index of groups  4 events  5 counts of the day  6 due  7 newcomers who wait to be welcomed  8 when they are
--      9 places  10 counts of the group  community: 11 who is new  12 who ever was here  13 who is here  group: 14, 15, 16 the same
--      whole installation: 17 who is new  18 who ever was here  19… one outbox queue for each delivery
-- ARGV 1 now_ms  2 serial of the look that this one was compared with ('' none)  3 community  4 chat  5 index entry ('' the group is closed)
--      6 shard  7 when newcomers are welcomed (ms)
--      8 number of heads, then field, value each; number of members gone, then each; number of seats, then member, seat each;
--      number of counters, then name, by each; number of events, then member, data each; number of newcomers, then each;
--      number of members who left the group, then each; of them who are gone from the community; of those who were there before the bot saw them; of
--      those who came;
--      then for each delivery its member of due and its item
-- Gives the new serial, or -1 when another look was kept meanwhile: then nothing was done.
if (redis.call('HGET', KEYS[1], 'serial') or '') ~= ARGV[2] then return -1 end
local serial = redis.call('HINCRBY', KEYS[1], 'serial', 1)
local at = 9
local function each(size, act)
  local n = tonumber(ARGV[at - 1])
  for _ = 1, n do
    act(ARGV[at], ARGV[at + 1])
    at = at + size
  end
  at = at + 1
end
each(2, function(field, value) redis.call('HSET', KEYS[1], field, value) end)
each(1, function(member)
  redis.call('HDEL', KEYS[2], member)
  redis.call('HDEL', KEYS[7], member)
end)
each(2, function(member, seat) redis.call('HSET', KEYS[2], member, seat) end)
each(2, function(name, by)
  tally.count(KEYS[5], KEYS[9], name, by)
  tally.count(KEYS[10], KEYS[9], name, by)
end)
each(2, function(member, data)
  redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[3], 'm', member, 'id', 'roster:' .. ARGV[4] .. ':' .. serial, 'data', data)
end)
each(1, function(member)
  redis.call('HSETNX', KEYS[7], member, ARGV[1])
  redis.call('ZADD', KEYS[8], 'NX', ARGV[7], ARGV[3] .. '|' .. ARGV[4])
end)
each(1, function(member) tally.go(KEYS[10], KEYS[9], KEYS[16], member) end)
each(1, function(member) tally.go(KEYS[5], KEYS[9], KEYS[13], member) end)
local function arrive(name)
  return function(member)
    tally.come(KEYS[5], KEYS[9], KEYS[11], KEYS[12], KEYS[13], member, name)
    tally.come(KEYS[10], KEYS[9], KEYS[14], KEYS[15], KEYS[16], member, name)
    if redis.call('SETBIT', KEYS[18], member, 1) == 0 and name == 'came' then tally.mark(KEYS[17], member) end
  end
end
each(1, arrive('found'))
each(1, arrive('came'))
at = at - 1
for queue = 19, #KEYS do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[6], 'NX', ARGV[1], ARGV[at])
  at = at + 2
end
if #KEYS > 18 then redis.call('PUBLISH', 'qb:bell', ARGV[6]) end
if ARGV[5] == '' then
  redis.call('HSET', KEYS[1], 'closed', ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[4])
  redis.call('DEL', KEYS[2], KEYS[7])
  redis.call('ZREM', KEYS[8], ARGV[3] .. '|' .. ARGV[4])
else
  redis.call('HDEL', KEYS[1], 'closed')
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
end
return serial
