-- Marks members by the names that an older program learned, so that they are found by them; may be repeated.
-- KEYS 1 names  2 who has a name
-- ARGV 1… for each member his number, the name that was read and its mark
-- Gives how many were marked: who was given another name or erased since it was read is left as he is.
local marked = 0
for at = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[at]) == ARGV[at + 1] then
    redis.call('ZADD', KEYS[2], ARGV[at + 2], ARGV[at])
    marked = marked + 1
  end
end
return marked
