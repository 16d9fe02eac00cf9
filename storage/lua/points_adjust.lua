-- uses: tally, ledger
-- An administrator gives a member points or takes them; what is taken back was not earned either.
-- KEYS 1–14 of the ledger  15 the member's rows
-- ARGV 1–6 of the ledger  7 member  8 points, below 0 to take them  9 reason  10 actor  11 note
-- Gives 'fresh|n|balance|earned', or 'fresh|short|balance|earned' when he has less than is to be taken: then nothing was done.
local before = ledger.first()
if before then return '0|' .. before end
local member, n = ARGV[7], tonumber(ARGV[8])
ledger.lapse(member, KEYS[15])
local _, short = ledger.move{
  from = n > 0 and 'treasury' or member, to = n > 0 and member or 'treasury', n = math.abs(n), reason = ARGV[9], actor = ARGV[10],
  note = ARGV[11], rows = {[member] = KEYS[15]}, counts = true,
}
local moved = short or string.format('%d', n)
return '1|' .. ledger.keep(string.format('%s|%d|%d', moved, ledger.balance(member), ledger.earned(member)))
