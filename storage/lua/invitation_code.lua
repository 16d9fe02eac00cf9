-- A member's invitation code in a community: the one he has, else the first of some that nobody has.
-- KEYS 1 codes  2 codes by owner
-- ARGV 1 owner (community|member)  2… codes to choose from
-- Gives the code; '' when all of them are taken.
local has = redis.call('HGET', KEYS[2], ARGV[1])
if has then return has end
for at = 2, #ARGV do
  if redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[1]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[at])
    return ARGV[at]
  end
end
return ''
