-- uses: versions
-- Changes some items of one kind of operators' content: a new version, in force at once, that knows what was before.
-- KEYS 1 newest versions  2 items in force  3 history  4 changes of this version  5 once  6… changes of versions that are dropped
-- ARGV 1 kind  2 version that must be in force ('' any)  3 head of the new version (JSON)  4 life of once in ms (0 is not to be remembered)
--      5 number of versions dropped, then the number of each; then for each change: id, '' (away) or =text, place (0 at the end)
-- Gives {number of the version, 1}, the one in force when nothing differs; {number in force, 0} when it is not the one that must be.
-- An item is kept as place|text; a version's changes as <id: what was before, and >id: what came after.
local answer, newest = versions.look()
if answer then return answer end
local ids = {}
for at = 6 + ARGV[5], #ARGV, 3 do ids[#ids + 1] = ARGV[at] end
-- All are read together and written together: a call for each item costs the server ten times as much as the item.
local present = #ids > 0 and newest > 0 and redis.call('HMGET', KEYS[2], unpack(ids)) or {}
local last = tonumber(redis.call('HGET', KEYS[3], 'place') or '0')
local changed, put, gone, told = 0, {}, {}, {}
for n, id in ipairs(ids) do
  local at = 6 + ARGV[5] + 3 * (n - 1)
  local before, text = present[n], ARGV[at + 1]
  local bar = before and string.find(before, '|', 1, true)
  if text == '' and before then
    gone[#gone + 1] = id
    changed = changed + 1
  elseif text ~= '' and (not before or string.sub(before, bar + 1) ~= string.sub(text, 2)) then
    local place = before and string.sub(before, 1, bar - 1) or ARGV[at + 2]
    if place == '0' then
      last = last + 1
      place = last
    end
    put[#put + 1], put[#put + 2] = id, place .. '|' .. string.sub(text, 2)
    told[#told + 1], told[#told + 2] = '>' .. id, put[#put]
    changed = changed + 1
  else
    before = nil
  end
  if before then told[#told + 1], told[#told + 2] = '<' .. id, before end
end
if #gone > 0 then redis.call('HDEL', KEYS[2], unpack(gone)) end
if #put > 0 then
  redis.call('HSET', KEYS[2], unpack(put))
  redis.call('HSET', KEYS[3], 'place', last)
end
if #told > 0 then redis.call('HSET', KEYS[4], unpack(told)) end
if changed > 0 or newest == 0 then newest = versions.add(newest, changed) end
return versions.done(newest, 5)
