-- uses: tally
-- Does one thing to a ticket, once, if its state allows it, and queues what is to be told of it in the same act.
-- KEYS 1 once  2 tickets  3 texts  4 waiting tickets  5 newest by member  6 first response times  7 steps of the shard  8 events
--      9 outbox due  10 counts of the day  11 places  12… the outbox queue of each delivery
-- ARGV 1 now_ms  2 community  3 actor's member number (0 the clock)  4 once id ('' each call is its own: steps compare)  5 number
--      6 act: add, take, pass, answer, close, cancel, step, reopen, rate, erase
--      7 words ('' none)  8 pass: to which member; step: how many were done before; rate: 1 or -1
--      9 step, reopen: how many steps are done now  10 reopen: due_ms  11 step, reopen: next_step_ms ('' none)
--      12 once_life_ms  13 most words of one ticket  14 shard  15 add, reopen: the chat where the words were said ('' a single chat)
--      16… for each delivery its member of due and its item (JSON)
-- Gives JSON: done, why not (ended, taken, moved, newer, full; 'again' of a rating that was not the first), ticket as it is now; '' when there
-- is none. A repeat gets its first result.
local first = ARGV[4] ~= '' and redis.call('GET', KEYS[1])
if first then return first end
local now, number, act = tonumber(ARGV[1]), ARGV[5], ARGV[6]
local kept = redis.call('HGET', KEYS[2], number)
if not kept then return '' end
local ticket, rows = cjson.decode(kept), {}
local texts = redis.call('HGET', KEYS[3], number)
if texts then rows = cjson.decode(string.sub(texts, string.find(texts, '|', 1, true) + 1)) end
local actor, with = tonumber(ARGV[3]), tonumber(ARGV[8] ~= '' and ARGV[8] or '0')
local waits, why, waited = ticket.state == 'open' or ticket.state == 'taken', nil, nil
if act == 'reopen' or act == 'rate' then
  if ticket.state ~= 'answered' then why = 'ended' end
  if act == 'reopen' and redis.call('HGET', KEYS[5], ticket.member) ~= number then why = 'newer' end
elseif not waits then
  why = 'ended'
elseif act == 'take' and ticket.state == 'taken' and ticket.taker ~= actor then
  why = 'taken'
elseif act == 'step' and ticket.steps ~= with then
  why = 'moved'
end
if not why and act == 'add' and #rows >= tonumber(ARGV[13]) then why = 'full' end
if why then
  local refused = cjson.encode({done = false, why = why, ticket = ticket})
  if ARGV[4] ~= '' then redis.call('SET', KEYS[1], refused, 'PX', ARGV[12]) end
  return refused
end
local ENDS = {answer = 'answered', close = 'closed', cancel = 'cancelled', erase = 'erased'}
local SAYS = {add = 'member', reopen = 'member', answer = 'staff', close = 'note'}
local steps, again = ARGV[2] .. '|' .. number, ''
-- What was said elsewhere is answered in private: a ticket only ever gets more private.
if (act == 'add' or act == 'reopen') and ARGV[15] ~= ticket.chat then ticket.chat = '' end
if act == 'take' or act == 'pass' then
  ticket.state = 'taken'
  ticket.taker = act == 'take' and actor or with
elseif act == 'step' then
  ticket.steps = tonumber(ARGV[9])
elseif act == 'rate' then
  if ticket.rate ~= 0 then again = 'again' end
  ticket.rate = with
elseif act == 'reopen' then
  ticket.state, ticket.taker, ticket.steps, ticket.since = 'taken', ticket.by, tonumber(ARGV[9]), now
  ticket.due, ticket.ended, ticket.rate = tonumber(ARGV[10]), 0, 0
  redis.call('ZADD', KEYS[4], ARGV[10], number)
elseif ENDS[act] then
  ticket.state, ticket.ended = ENDS[act], now
  redis.call('ZREM', KEYS[4], number)
  redis.call('ZREM', KEYS[7], steps)
  if act == 'answer' then
    ticket.by = actor
    if ticket.first == 0 then
      ticket.first = math.max(now - ticket.asked, 1)
      redis.call('RPUSH', KEYS[6], ARGV[1] .. '|' .. string.format('%d', ticket.first))
      redis.call('LTRIM', KEYS[6], -1000, -1)
      waited = math.min(math.floor(ticket.first / 60000), 1440)
      tally.count(KEYS[10], KEYS[11], 'tickets_answered', 1)
      tally.count(KEYS[10], KEYS[11], string.format('wait:%d', waited), 1)
    end
  elseif act == 'close' then
    ticket.by = actor
  end
end
if act == 'step' or act == 'reopen' then
  if ARGV[11] ~= '' then
    redis.call('ZADD', KEYS[7], ARGV[11], steps)
  else
    redis.call('ZREM', KEYS[7], steps)
  end
end
if act == 'erase' then
  redis.call('HDEL', KEYS[3], number)
elseif SAYS[act] and ARGV[7] ~= '' then
  rows[#rows + 1] = {who = SAYS[act], by = actor, at = now, text = ARGV[7]}
  redis.call('HSET', KEYS[3], number, ARGV[1] .. '|' .. cjson.encode(rows))
end
redis.call('HSET', KEYS[2], number, cjson.encode(ticket))
-- A step that does none (the roster was changed, or another process was first) only moves the alarm: nothing happened to tell of.
if act ~= 'step' or ticket.steps ~= with then
  redis.call('XADD', KEYS[8], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data',
    '{"act":"ticket_' .. act .. '","ticket":' .. number .. (waited and string.format(',"waited":%d', waited) or '') .. '}')
end
for queue = 12, #KEYS do
  local at = 16 + (queue - 12) * 2
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[9], 'NX', ARGV[1], ARGV[at])
end
if #KEYS > 11 then redis.call('PUBLISH', 'qb:bell', ARGV[14]) end
local result = cjson.encode({done = true, why = again, ticket = ticket})
if ARGV[4] ~= '' then redis.call('SET', KEYS[1], result, 'PX', ARGV[12]) end
return result
