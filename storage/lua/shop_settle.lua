-- uses: tally, ledger
-- Does one thing to an order that waits: it is handed over, or what it cost goes back, each once; queues what is told of it in the same act.
-- Of one that was handed over what it cost may go back, once: what was given out by itself (a code, a card) is not taken back.
-- KEYS 1–14 of the ledger  15 the rows of the order's member  16 stock  17 orders  18 orders that wait  19 had ever  20 had on the order's day
--      21 steps of the shard  22 codes of orders  23 outbox due  24… the outbox queue of each delivery
-- ARGV 1–6 of the ledger  7 number  8 act: done, refunded, returned, cancelled, expired, reminded, erased  9 actor's member number (0 the clock)
--      10 words ('' none)  11 first day (ordinal) on which points that go back may lapse  12 reminded: next_step_ms ('' none)  13 shard
--      14… for each delivery its member of due and its item (JSON)
-- Gives JSON: done, why not (ended, given, early, foreign), was (state before), order as it is now, balance; '' when there is none. A repeat gets its first result.
-- Expired and reminded are done when their time has come; cancelled by its member only. Erased also drops what was said, and the code.
local first = ledger.first()
if first then return first end
local now, number, act, actor = tonumber(ARGV[1]), ARGV[7], ARGV[8], tonumber(ARGV[9])
local kept = redis.call('HGET', KEYS[17], number)
if not kept then return '' end
local order, step = cjson.decode(kept), ARGV[2] .. '|' .. number
local was = order.state
local member = string.format('%d', order.member)

local function told(done, why)
  return ledger.keep(cjson.encode({done = done, why = why or '', was = was, order = order, balance = ledger.balance(member)}))
end

local function give_back()
  ledger.lapse(member, KEYS[15])
  if order.price > 0 then
    local lots, least = ledger.read_lots(order.lots), tonumber(ARGV[11])
    for _, lot in ipairs(lots) do lot[1] = math.max(lot[1], least) end
    ledger.move{
      from = 'shop', to = member, n = order.price, reason = 'refund', actor = ARGV[9], note = '订单 ' .. number, rows = {[member] = KEYS[15]},
      lots = lots,
    }
  end
  if order.counted then redis.call('HINCRBY', KEYS[16], order.item, 1) end
  for _, counter in ipairs({{KEYS[19], member .. ':' .. order.item}, {KEYS[20], member .. ':' .. order.item}, {KEYS[20], order.item}}) do
    if tonumber(redis.call('HGET', counter[1], counter[2]) or '0') > 0 then redis.call('HINCRBY', counter[1], counter[2], -1) end
  end
end

local waits, is_counted = was == 'waiting', order.counted
if act == 'expired' or act == 'reminded' then
  local due = redis.call('ZSCORE', KEYS[21], step)
  if not waits then return told(false, 'ended') end
  if not due or tonumber(due) > now or (act == 'reminded') == (order.reminded == 1) then return told(false, 'early') end
elseif act == 'returned' then
  if was == 'done' and order.kind ~= 'manual' then return told(false, 'given') end
  if was ~= 'done' or not order.day then return told(false, 'ended') end -- without a day its member was erased
elseif not waits and act ~= 'erased' then
  return told(false, 'ended')
elseif act == 'cancelled' and actor ~= order.member then
  return told(false, 'foreign')
end
if act == 'reminded' then
  order.reminded = 1
  if ARGV[12] ~= '' then
    order.expires = tonumber(ARGV[12])
    redis.call('ZADD', KEYS[21], ARGV[12], step)
  else
    redis.call('ZREM', KEYS[21], step)
  end
else
  if waits or act == 'returned' then
    local words = ARGV[10]
    if act == 'returned' and order.words then words = words .. '（完成时的备注：' .. order.words .. '）' end
    redis.call('ZREM', KEYS[18], number)
    redis.call('ZREM', KEYS[21], step)
    tally.count(KEYS[13], KEYS[14], 'orders_' .. (({erased = 'cancelled', returned = 'refunded'})[act] or act), 1)
    order.state, order.ended, order.by = ({erased = 'cancelled', returned = 'refunded'})[act] or act, now, actor
    order.words = words ~= '' and words or nil
    if act ~= 'done' then
      give_back()
      order.day, order.lots = nil, nil -- of use while points may go back
    end
    order.expires, order.reminded, order.counted = nil, nil, nil -- of use while it waited; what was sent is not back in stock
  end
  if act == 'erased' then
    order.words, order.day, order.lots = nil, nil, nil
    redis.call('HDEL', KEYS[22], number)
  end
end
redis.call('HSET', KEYS[17], number, cjson.encode(order))
redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[9], 'id', ARGV[3], 'data',
  '{"act":"order_' .. act .. '","order":' .. number .. ',"of":' .. member .. ',"item":' .. cjson.encode(order.item)
  .. ',"price":' .. string.format('%d', order.price) .. (is_counted and ',"counted":true' or '')
  .. ((waits or act == 'returned') and act ~= 'reminded' and ',"ended":"' .. order.state .. '"}' or '}'))
for queue = 24, #KEYS do
  local at = 14 + (queue - 24) * 2
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[23], 'NX', ARGV[1], ARGV[at])
end
if #KEYS > 23 then redis.call('PUBLISH', 'qb:bell', ARGV[13]) end
return told(true)
