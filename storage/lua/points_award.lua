-- uses: tally, ledger
-- Gives a member points, as far as the day's caps allow.
-- KEYS 1–14 of the ledger  15 the member's rows
-- ARGV 1–6 of the ledger  7 member  8 points  9 reason  10 actor  11 note  12 the reason's cap a day  13 the cap of a day (0 none)
-- Gives 'fresh|n|balance|earned'; a repeat gets its first result with fresh 0.
local before = ledger.first()
if before then return '0|' .. before end
local member, reason = ARGV[7], ARGV[9]
ledger.lapse(member, KEYS[15])
local n = ledger.room(member, reason, tonumber(ARGV[8]), tonumber(ARGV[12]), tonumber(ARGV[13]))
if n > 0 then
  ledger.move{
    from = 'treasury', to = member, n = n, reason = reason, actor = ARGV[10], note = ARGV[11],
    rows = {[member] = KEYS[15]}, counts = true,
  }
end
return '1|' .. ledger.keep(string.format('%d|%d|%d', n, ledger.balance(member), ledger.earned(member)))
