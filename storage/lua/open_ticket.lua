-- uses: tally
-- Opens a ticket, once, unless its member has one that waits or asked too often that day; queues what those on duty are told.
-- KEYS 1 once  2 tickets  3 texts  4 waiting tickets  5 newest by member  6 opened that day  7 steps of the shard  8 events  9 outbox due
--      10 counts of the day  11 places  12… the outbox queue of each delivery
-- ARGV 1 now_ms  2 community  3 member  4 once id  5 number  6 ticket (JSON)  7 its first words (JSON rows)  8 due_ms
--      9 next_step_ms ('' none)  10 most a day  11 life of that day's counter in ms  12 once_life_ms  13 shard
--      14… for each delivery its member of due and its item (JSON)
-- Gives 'opened|number', 'open|number' of the one that waits already, or 'many|number opened that day'; a repeat gets its first result.
local first = redis.call('GET', KEYS[1])
if first then return first end
local number, result = ARGV[5], nil
local newest = redis.call('HGET', KEYS[5], ARGV[3])
local today = tonumber(redis.call('HGET', KEYS[6], ARGV[3]) or '0')
if newest then
  local state = cjson.decode(redis.call('HGET', KEYS[2], newest)).state
  if state == 'open' or state == 'taken' then result = 'open|' .. newest end
end
if not result and today >= tonumber(ARGV[10]) then result = 'many|' .. today end
if result then
  redis.call('SET', KEYS[1], result, 'PX', ARGV[12])
  return result
end
redis.call('HSET', KEYS[2], number, ARGV[6])
redis.call('HSET', KEYS[3], number, ARGV[1] .. '|' .. ARGV[7])
redis.call('ZADD', KEYS[4], ARGV[8], number)
redis.call('HSET', KEYS[5], ARGV[3], number)
redis.call('HINCRBY', KEYS[6], ARGV[3], 1)
redis.call('PEXPIRE', KEYS[6], ARGV[11])
if ARGV[9] ~= '' then redis.call('ZADD', KEYS[7], ARGV[9], ARGV[2] .. '|' .. number) end
redis.call('XADD', KEYS[8], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data',
  '{"act":"ticket_open","ticket":' .. number .. '}')
tally.count(KEYS[10], KEYS[11], 'tickets', 1)
for queue = 12, #KEYS do
  local at = 14 + (queue - 12) * 2
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[9], 'NX', ARGV[1], ARGV[at])
end
if #KEYS > 11 then redis.call('PUBLISH', 'qb:bell', ARGV[13]) end
result = 'opened|' .. number
redis.call('SET', KEYS[1], result, 'PX', ARGV[12])
return result
