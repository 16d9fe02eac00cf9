-- uses: tally, ledger
-- One member recognises another: points as far as the day's caps allow, and one more of what is counted about him. Nothing beyond the giver's limits.
-- KEYS 1–14 of the ledger  15 the taker's rows  16 honour counts
-- ARGV 1–6 of the ledger  7 giver  8 taker  9 reason  10 points (0 none)  11 the reason's cap a day  12 the cap of a day  13 what is counted
--      14 how often a giver may a day  15 how often one giver the same taker a day (0 without limit)  16 note
--      17 1 where it is a work, which counted when it was reviewed, else 0
-- Gives 'fresh|state|n|balance|earned|count' with state done, giver or pair (a limit was reached); a repeat gets its first result with fresh 0.
local before = ledger.first()
if before then return '0|' .. before end
local giver, taker, reason, n = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
local field = taker .. ':' .. ARGV[13]
local of_giver, of_pair = giver .. '>' .. reason, giver .. '>' .. taker .. ':' .. reason
local function is_full(name, most)
  return most > 0 and tonumber(redis.call('HGET', KEYS[8], name) or '0') >= most
end
local function told(state, given)
  local count = redis.call('HGET', KEYS[16], field) or '0'
  return '1|' .. ledger.keep(string.format('%s|%d|%d|%d|%s', state, given, ledger.balance(taker), ledger.earned(taker), count))
end
if is_full(of_pair, tonumber(ARGV[15])) then return told('pair', 0) end
if is_full(of_giver, tonumber(ARGV[14])) then return told('giver', 0) end
redis.call('HINCRBY', KEYS[8], of_giver, 1)
redis.call('HINCRBY', KEYS[8], of_pair, 1)
redis.call('PEXPIRE', KEYS[8], 259200000)
local count = redis.call('HINCRBY', KEYS[16], field, 1)
local data = '{"act":"recognised","what":"' .. ARGV[13] .. '","by":' .. giver .. ',"count":' .. count .. (ARGV[17] == '1' and ',"work":true}' or '}')
redis.call('XADD', KEYS[9], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', taker, 'id', ARGV[3], 'data', data)
if ARGV[13] == 'featured' and ARGV[17] ~= '1' then tally.count(KEYS[13], KEYS[14], 'featured', 1) end
if n > 0 then n = ledger.room(taker, reason, n, tonumber(ARGV[11]), tonumber(ARGV[12])) end
if n > 0 then
  ledger.move{from = 'treasury', to = taker, n = n, reason = reason, actor = giver, note = ARGV[16], rows = {[taker] = KEYS[15]}, counts = true}
end
return told('done', n)
