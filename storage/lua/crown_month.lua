-- Gives the badge of a month to those who earned most in it, once; ties at the last place are in.
-- KEYS 1 crowned months  2 the month's board  3 badges  4 events
-- ARGV 1 now_ms  2 community  3 month  4 the badge with its month, '' none  5 how many places  6 today (ordinal)  7 digest of the act  8 most winners
--      9… members that are left out
-- Gives {member, points, …} of the winners, also when the month was crowned before, then the field 'told' of the month ('' not yet) in front.
local kept, told = unpack(redis.call('HMGET', KEYS[1], ARGV[3], ARGV[3] .. ':told'))
if not kept then
  local out, winners = {}, {}
  for at = 9, #ARGV do out[ARGV[at]] = true end
  local most = tonumber(ARGV[8])
  local board = ARGV[4] == '' and {} or redis.call('ZREVRANGE', KEYS[2], 0, most + #ARGV - 9, 'WITHSCORES')
  local last
  for at = 1, #board, 2 do
    local member, points = board[at], tonumber(board[at + 1])
    local is_in = not last or points == last
    if points > 0 and is_in and not out[member] and #winners < 2 * most then
      winners[#winners + 1] = member
      winners[#winners + 1] = string.format('%d', points)
      if #winners == 2 * tonumber(ARGV[5]) then last = points end
    end
  end
  for at = 1, #winners, 2 do
    local member, entry = winners[at], ARGV[4] .. ':' .. ARGV[6]
    local held = redis.call('HGET', KEYS[3], member)
    redis.call('HSET', KEYS[3], member, held and held ~= '' and held .. ',' .. entry or entry)
    local data = '{"act":"badge","badge":' .. cjson.encode(ARGV[4]) .. ',"actor":0}'
    redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', member, 'id', ARGV[7], 'data', data)
  end
  kept = table.concat(winners, ',')
  redis.call('HSET', KEYS[1], ARGV[3], kept)
end
local result = {told or ''}
for part in string.gmatch(kept, '[^,]+') do result[#result + 1] = part end
return result
