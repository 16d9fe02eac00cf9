-- Gives a member badges, each once for ever, unless it was taken from him; or takes them away.
-- KEYS 1 badges  2 events  3, 4, 5 done in this week, the one before, the one after
-- ARGV 1 now_ms  2 community  3 member  4 digest of the act ('' none)  5 today (ordinal)  6 'give' by rule, 'hand' by a person (also what was
--      taken), 'take'  7 actor (member number, 0 the rules)  8 life of what was done in ms  9… the badges
-- Gives the badges that were given or taken; a repeat gets its first result.
local done = {}
if ARGV[4] ~= '' then
  for key = 3, 5 do
    local first = redis.call('HGET', KEYS[key], ARGV[4])
    if first then
      for id in string.gmatch(first, '[^,]+') do done[#done + 1] = id end
      return done
    end
  end
end
local kept, order = {}, {}
for entry in string.gmatch(redis.call('HGET', KEYS[1], ARGV[3]) or '', '[^,]+') do
  local id, day = string.match(entry, '^([^:]+):(%d+)$')
  kept[id], order[#order + 1] = day, id
end
-- a badge that was taken stays as -id, so that no rule gives it again
local function put(id, old, name)
  if not kept[id] then order[#order + 1] = id end
  kept[id], kept[old] = ARGV[5], nil
  done[#done + 1] = name
  local data = '{"act":"badge","badge":' .. cjson.encode(id) .. ',"actor":' .. ARGV[7] .. '}'
  redis.call('XADD', KEYS[2], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[4], 'data', data)
end
for at = 9, #ARGV do
  local id, gone = ARGV[at], '-' .. ARGV[at]
  if ARGV[6] == 'take' then
    if kept[id] then put(gone, id, id) end
  elseif not kept[id] and (ARGV[6] == 'hand' or not kept[gone]) then
    put(id, gone, id)
  end
end
if #done > 0 then
  local parts = {}
  for _, id in ipairs(order) do
    if kept[id] then parts[#parts + 1] = id .. ':' .. kept[id] end
  end
  redis.call('HSET', KEYS[1], ARGV[3], table.concat(parts, ','))
end
-- what a rule could not give it never can later, so its repeat needs no memory
if ARGV[4] ~= '' and (#done > 0 or ARGV[6] ~= 'give') then
  redis.call('HSET', KEYS[3], ARGV[4], table.concat(done, ','))
  redis.call('PEXPIRE', KEYS[3], ARGV[8])
end
return done
