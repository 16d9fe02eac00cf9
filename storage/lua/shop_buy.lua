-- uses: tally, ledger
-- Exchanges points for one item, once: limits, stock or code, points and order, or nothing of it.
-- KEYS 1–14 of the ledger  15 the member's rows  16 stock  17 codes of the item  18 orders  19 codes of orders  20 orders that wait
--      21 the member's orders  22 had ever  23 had that day  24 steps of the shard
-- ARGV 1–6 of the ledger  7 member  8 item  9 what there is of it: codes, counted or free  10 price  11 most a member may have ever
--      12 most a member may have that day  13 most all may have that day (0 any)  14 points that he must have earned  15 why the rules refuse it
--      ('' they do not)  16 order (JSON)  17 next_step_ms ('' it is done at once)  18 life of the day's counters in ms
-- Gives 'bought|number|balance|orders of the member|sealed code' or 'no|why|balance|n': n is what is missing (level, short) or the limit. A repeat gets its first
-- result.
local function code_of(number) return redis.call('HGET', KEYS[19], number) or '' end
local first = ledger.first()
if first then
  local number = string.match(first, '^bought|(%d+)|')
  return number and first .. '|' .. code_of(number) or first
end
local member, item, of, price = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
local of_member = member .. ':' .. item
ledger.lapse(member, KEYS[15])

local function refused(why, n) return ledger.keep(string.format('no|%s|%d|%d', why, ledger.balance(member), n or 0)) end
local function had(key, field) return tonumber(redis.call('HGET', key, field) or '0') end
local function is_at(limit, key, field) return limit > 0 and had(key, field) >= limit end

local ever, a_day, all_day, earned = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
if ARGV[15] ~= '' then return refused(ARGV[15]) end
if ledger.earned(member) < earned then return refused('level', earned - ledger.earned(member)) end
if is_at(ever, KEYS[22], of_member) then return refused('ever', ever) end
if is_at(a_day, KEYS[23], of_member) then return refused('day', a_day) end
if of == 'codes' and redis.call('LLEN', KEYS[17]) == 0 then return refused('gone') end
if of == 'counted' and had(KEYS[16], item) <= 0 then return refused('gone') end
if is_at(all_day, KEYS[23], item) then return refused('all_day', all_day) end
local balance = ledger.balance(member)
if balance < price then return refused('short', price - balance) end

local number = string.format('%d', redis.call('HLEN', KEYS[18]) + 1)
local order = cjson.decode(ARGV[16])
if price > 0 then
  local lots = ledger.move{
    from = member, to = 'shop', n = price, reason = 'purchase', actor = member, note = '订单 ' .. number, rows = {[member] = KEYS[15]},
  }
  if #lots > 0 then order.lots = ledger.write_lots(lots) end
end
if of == 'codes' then
  redis.call('HSET', KEYS[19], number, redis.call('LPOP', KEYS[17]))
elseif of == 'counted' then
  redis.call('HINCRBY', KEYS[16], item, -1)
end
redis.call('HINCRBY', KEYS[22], of_member, 1)
redis.call('HINCRBY', KEYS[23], of_member, 1)
redis.call('HINCRBY', KEYS[23], item, 1)
redis.call('PEXPIRE', KEYS[23], ARGV[18])
if order.state == 'waiting' then
  redis.call('ZADD', KEYS[20], ARGV[1], number)
  if ARGV[17] ~= '' then redis.call('ZADD', KEYS[24], ARGV[17], ARGV[2] .. '|' .. number) end
end
redis.call('HSET', KEYS[18], number, cjson.encode(order))
local count = redis.call('RPUSH', KEYS[21], number)
redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[3], 'data',
  '{"act":"order_open","order":' .. number .. ',"item":' .. cjson.encode(item) .. ',"price":' .. ARGV[10] .. (order.counted and ',"counted":true}' or '}'))
return ledger.keep(string.format('bought|%s|%d|%d', number, ledger.balance(member), count)) .. '|' .. code_of(number)
