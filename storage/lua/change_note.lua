-- Writes a note about a member, or removes one.
-- KEYS 1 once  2 notes of the member
-- ARGV 1 once_life_ms  2 most notes  3 the note (JSON), '' to remove  4 number of the note to remove
-- Gives its number, or 'full' (the member has too many) or 'gone' (there is no such note); a repeat gets its first result.
local before = redis.call('GET', KEYS[1])
if before then return before end
local function change()
  if ARGV[3] == '' then return redis.call('HDEL', KEYS[2], ARGV[4]) == 1 and ARGV[4] or 'gone' end
  if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[2]) then return 'full' end -- one field is the last number
  local number = redis.call('HINCRBY', KEYS[2], 'last', 1)
  redis.call('HSET', KEYS[2], number, ARGV[3])
  return tostring(number)
end
local result = change()
redis.call('SET', KEYS[1], result, 'PX', ARGV[1])
return result
