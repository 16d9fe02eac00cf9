-- uses: tally, ledger
-- Takes what members had until yesterday or before.
-- KEYS 1–14 of the ledger  15… the members' rows
-- ARGV 1–6 of the ledger  7… the members, in the order of their rows
-- Gives how much went from each.
local gone = {}
for at = 15, #KEYS do gone[#gone + 1] = ledger.lapse(ARGV[at - 8], KEYS[at]) end
return gone
