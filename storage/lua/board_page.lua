-- Reads a board: its first places, a member's own, those around him, and what he lacks to the next. All that is asked is O(log n).
-- KEYS 1 the board: member → points
-- ARGV 1 member  2 how many first places  3 how many on either side of the member  4… members who are left out
-- Gives {how many are on it, points to the next place (0 none), how many first places follow, then rank, member, points of each first place,
--        of the member himself (where he is on it) and of those around him, himself among them}. Equal points have an equal rank: 1, 2, 2, 4.
local board, member, top, around = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local out_of_it, scores, left_out = {}, {}, 0
for at = 4, #ARGV do
  local score = redis.call('ZSCORE', board, ARGV[at])
  if score then
    out_of_it[ARGV[at]] = true
    left_out = left_out + 1
    scores[left_out] = tonumber(score)
  end
end
local ranks = {}
local function rank_of(points)
  if not ranks[points] then
    local better = redis.call('ZCOUNT', board, '(' .. points, '+inf')
    for _, score in ipairs(scores) do
      if score > tonumber(points) then better = better - 1 end
    end
    ranks[points] = better + 1
  end
  return ranks[points]
end
-- the places from one position to another, without those left out
local function places(from, to)
  local found, flat = {}, redis.call('ZREVRANGE', board, from, to, 'WITHSCORES')
  for at = 1, #flat, 2 do
    if not out_of_it[flat[at]] then found[#found + 1] = {rank_of(flat[at + 1]), flat[at], flat[at + 1]} end
  end
  return found
end
local result = {redis.call('ZCARD', board) - left_out, 0, 0}
local function tell(place)
  for _, part in ipairs(place) do result[#result + 1] = part end
end
-- none asked for: 0 to -1 would be the whole board
for at, place in ipairs(top > 0 and places(0, top + left_out - 1) or {}) do
  if at > top then break end
  result[3] = at
  tell(place)
end
local own = redis.call('ZSCORE', board, member)
if not own or out_of_it[member] then return result end
local next_up = redis.call('ZRANGEBYSCORE', board, '(' .. own, '+inf', 'WITHSCORES', 'LIMIT', 0, left_out + 1)
for at = 1, #next_up, 2 do
  if not out_of_it[next_up[at]] then
    result[2] = tonumber(next_up[at + 1]) - tonumber(own)
    break
  end
end
tell({rank_of(own), member, own})
local position = redis.call('ZREVRANK', board, member)
local near, mine = places(math.max(0, position - around - left_out), position + around + left_out), 0
for at, place in ipairs(near) do
  if place[2] == member then mine = at end
end
for at = math.max(1, mine - around), math.min(#near, mine + around) do tell(near[at]) end
return result
