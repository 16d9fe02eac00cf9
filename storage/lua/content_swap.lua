-- uses: versions
-- Puts a whole set of items that was written aside in the place of what is in force: a new version. It renames only, however many they are.
-- KEYS 1 newest versions  2 items in force  3 history  4 changes of this version (written aside)  5 once  6 items (written aside)
--      7… changes of versions that are dropped
-- ARGV 1 kind  2 version that must be in force  3 head of the new version (JSON)  4 life of once in ms (0 is not to be remembered)
--      5 number of versions dropped, then the number of each; then number of items, of fields in changes, of changed items, last place given
-- Gives {number of the version, 1}; {number in force, 0} when another is in force, or what was written aside is not whole: nothing was done.
local answer, newest = versions.look()
if answer then return answer end
local at = 6 + ARGV[5]
if redis.call('HLEN', KEYS[6]) ~= tonumber(ARGV[at]) or redis.call('HLEN', KEYS[4]) ~= tonumber(ARGV[at + 1]) then return {newest, 0} end
redis.call('UNLINK', KEYS[2])
if ARGV[at] ~= '0' then
  redis.call('RENAME', KEYS[6], KEYS[2])
  redis.call('PERSIST', KEYS[2])
end
redis.call('PERSIST', KEYS[4])
newest = versions.add(newest, tonumber(ARGV[at + 2]))
redis.call('HSET', KEYS[3], 'place', math.max(tonumber(redis.call('HGET', KEYS[3], 'place') or '0'), tonumber(ARGV[at + 3])))
return versions.done(newest, 6)
