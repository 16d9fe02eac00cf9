-- uses: ledger
-- Takes what members had until yesterday or before.
-- KEYS 1–12 of the ledger  13… the members' rows
-- ARGV 1–6 of the ledger  7… the members, in the order of their rows
-- Gives how much went from each.
local gone = {}
for at = 13, #KEYS do gone[#gone + 1] = ledger.lapse(ARGV[at - 6], KEYS[at]) end
return gone
