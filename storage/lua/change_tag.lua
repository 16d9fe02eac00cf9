-- Puts a tag on a member or takes it off, with the index by tag.
-- KEYS 1 once  2 tags of members  3 members of the tag  4 tags of the community  5 events
-- ARGV 1 now_ms  2 community  3 member  4 tag  5 add 1, remove 0  6 once id ('' none)  7 once_life_ms  8 most tags of a member
--      9 most tags of a community  10 event data (JSON, '' none)
-- Gives 'done', 'same' (nothing to do), 'full' (the member has too many) or 'many' (the community has); a repeat gets its first result.
local before = ARGV[6] ~= '' and redis.call('GET', KEYS[1])
if before then return before end
local tags, has = {}, false
for tag in string.gmatch(redis.call('HGET', KEYS[2], ARGV[3]) or '', '[^,]+') do
  if tag == ARGV[4] then has = true else tags[#tags + 1] = tag end
end
local function change()
  if has == (ARGV[5] == '1') then return 'same' end
  if ARGV[5] == '1' then
    if #tags >= tonumber(ARGV[8]) then return 'full' end
    if redis.call('HEXISTS', KEYS[4], ARGV[4]) == 0 and redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[9]) then return 'many' end
    tags[#tags + 1] = ARGV[4]
    redis.call('ZADD', KEYS[3], ARGV[1], ARGV[3])
    redis.call('HINCRBY', KEYS[4], ARGV[4], 1)
  else
    redis.call('ZREM', KEYS[3], ARGV[3])
    if redis.call('HINCRBY', KEYS[4], ARGV[4], -1) <= 0 then redis.call('HDEL', KEYS[4], ARGV[4]) end
  end
  if #tags > 0 then redis.call('HSET', KEYS[2], ARGV[3], table.concat(tags, ',')) else redis.call('HDEL', KEYS[2], ARGV[3]) end
  if ARGV[10] ~= '' then
    redis.call('XADD', KEYS[5], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[6], 'data', ARGV[10])
  end
  return 'done'
end
local result = change()
if ARGV[6] ~= '' then redis.call('SET', KEYS[1], result, 'PX', ARGV[7]) end
return result
