-- uses: tally, ledger
-- Hands points from one member to another; they keep the days on which they lapse.
-- KEYS 1–14 of the ledger  15 the giver's rows  16 the taker's rows
-- ARGV 1–6 of the ledger  7 giver  8 taker  9 points  10 note  11 most that he may give a day (0 no limit)  12 what has to stay with him
-- Gives 'fresh|done|what the giver has|what the taker has', or 'fresh|short|what the giver has|0', or 'fresh|full|what he may still give|0'.
local before = ledger.first()
if before then return '0|' .. before end
local giver, taker, n, most = ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[11])
ledger.lapse(giver, KEYS[15])
local has = ledger.balance(giver)
if has - n < tonumber(ARGV[12]) then return '1|' .. ledger.keep(string.format('short|%d|0', has)) end
local given = tonumber(redis.call('HGET', KEYS[8], giver .. ':given') or '0')
if most > 0 and given + n > most then return '1|' .. ledger.keep(string.format('full|%d|0', math.max(0, most - given))) end
redis.call('HINCRBY', KEYS[8], giver .. ':given', n)
redis.call('PEXPIRE', KEYS[8], 172800000)
ledger.move{
  from = giver, to = taker, n = n, reason = 'transfer', actor = giver, note = ARGV[10],
  rows = {[giver] = KEYS[15], [taker] = KEYS[16]},
}
return '1|' .. ledger.keep(string.format('done|%d|%d', ledger.balance(giver), ledger.balance(taker)))
