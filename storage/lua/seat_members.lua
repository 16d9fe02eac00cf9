-- Gives members their seats in a community, new ones to those who have none.
-- KEYS 1 next seat  then the seats of each member's bucket, once a member
-- ARGV the members' places in their buckets
-- Gives their seats, in order; -1 is the seat of whoever was erased.
local seats = {}
for at, place in ipairs(ARGV) do
  local seat = redis.call('HGET', KEYS[at + 1], place)
  if not seat then
    seat = redis.call('INCR', KEYS[1]) - 1
    redis.call('HSET', KEYS[at + 1], place, seat)
  end
  seats[at] = tonumber(seat)
end
return seats
