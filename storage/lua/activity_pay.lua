-- uses: tally, ledger
-- Pays what an activity owes after its end: awards of one that was settled, from the front of its list, or what entries of a cancelled one cost.
-- KEYS 1–14 of the ledger  15 the activity  16 awards  17 entries  18 bells of the shard  19… rows of each member who is paid
-- ARGV 1–6 of the ledger  7 number  8 how far payments have come, as it was seen (paid)  9 how far after this  10 1 there is nothing behind
--      11 first day (ordinal) on which points that go back may lapse  12… for each: member, n (0 he is passed over), note
-- Gives {} when another was faster or nothing is owed, else for each the points that he has earned now.
local state, paid, is_paid, title = unpack(redis.call('HMGET', KEYS[15], 'state', 'paid', 'is_paid', 'title'))
if (state ~= 'settled' and state ~= 'cancelled') or is_paid == '1' or paid ~= ARGV[8] then return {} end
local earned = {}
for at = 12, #ARGV, 3 do
  local member, n, rows = ARGV[at], tonumber(ARGV[at + 1]), KEYS[19 + (at - 12) / 3]
  local note = ARGV[at + 2] ~= '' and ARGV[at + 2] or '活动 ' .. ARGV[7] .. ' ' .. string.gsub(title, '|', '/')
  if n > 0 and state == 'settled' then
    ledger.move{from = 'treasury', to = member, n = n, reason = 'event_win', actor = '0', note = note, rows = {[member] = rows}, counts = true}
  elseif n > 0 then
    local record = cjson.decode(redis.call('HGET', KEYS[17], member))
    local lots = ledger.read_lots(record.p[''].l)
    for _, lot in ipairs(lots) do lot[1] = math.max(lot[1], tonumber(ARGV[11])) end
    ledger.move{from = 'events', to = member, n = n, reason = 'event_refund', actor = '0', note = note, rows = {[member] = rows}, lots = lots}
  end
  earned[#earned + 1] = ledger.earned(member)
end
if state == 'settled' and #ARGV > 11 then redis.call('LTRIM', KEYS[16], (#ARGV - 11) / 3, -1) end
redis.call('HSET', KEYS[15], 'paid', ARGV[9])
if ARGV[10] == '1' then
  redis.call('HSET', KEYS[15], 'is_paid', '1')
  redis.call('ZREM', KEYS[18], ARGV[2] .. '|' .. ARGV[7])
end
return earned
