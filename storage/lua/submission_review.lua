-- uses: tally
-- Decides on a submission: its state changes, works are counted, what is told of it is queued, once.
-- KEYS 1 once  2 states  3 waiting  4 shown of its activity  5 featured  6 counts  7 events  8 due  9 counts of the day  10 places  11… one outbox queue for each delivery
-- ARGV 1 now_ms  2 community  3 reviewer's member number  4 number  5 new state: approved, rejected, featured or cared
--      6 the states that this may follow (comma separated)  7 why ('' nothing)  8 life of the once mark in ms
--      9 author's member number ('' nobody is named, or it is no work: nothing is counted)  10 activity  11 shard  12 id for the event log
--      then for each delivery its member of due and its item (JSON)
-- Words of despair (help) lead to cared only, whatever ARGV 6 says, and nothing leads on from there. Where a work is featured that was featured
-- before, nothing is told or counted again.
-- Gives 'outcome|state before|approved|featured|new approved|new featured|first': done or kept (its state does not allow it, nothing was done); how
-- many works of the author were approved and featured now, and how many of them by this; first 1 where it is his first approved in the activity.
-- '' where there is none. A repeat gets its first result.
local once = redis.call('GET', KEYS[1])
if once then return once end
local number, wanted, author = ARGV[4], ARGV[5], ARGV[9]
local kept = redis.call('HGET', KEYS[2], number)
if not kept then return '' end
local state, likes, counted = string.match(kept, '^(%a+)|(%d+)|%d+|%d+|(%a*)|')
local function count(field) return tonumber(redis.call('HGET', KEYS[6], author .. ':' .. field) or '0') end
local first, new_approved, new_featured = 0, 0, 0
local function say(outcome)
  local approved, featured = 0, 0
  if author ~= '' then approved, featured = count('approved'), count('featured') end
  local result = string.format('%s|%s|%d|%d|%d|%d|%d', outcome, state, approved, featured, new_approved, new_featured, first)
  redis.call('SET', KEYS[1], result, 'PX', ARGV[8])
  return result
end
if not string.find(',' .. ARGV[6] .. ',', ',' .. state .. ',', 1, true) then return say('kept') end
if (state == 'help') ~= (wanted == 'cared') or state == 'cared' then return say('kept') end
local shows = wanted == 'approved' or wanted == 'featured'
-- a work counts once, whatever is decided of it later
if author ~= '' and shows then
  if counted == '' then
    counted, new_approved = 'a', 1
    redis.call('HINCRBY', KEYS[6], author .. ':approved', 1)
    if redis.call('HINCRBY', KEYS[6], ARGV[10] .. ':' .. author, 1) == 1 then first = 1 end
  end
  if wanted == 'featured' and counted == 'a' then
    counted, new_featured = 'af', 1
    redis.call('HINCRBY', KEYS[6], author .. ':featured', 1)
  end
end
redis.call('HSET', KEYS[2], number, string.format('%s|%s|%s|%s|%s|%s', wanted, likes, ARGV[3], ARGV[1], counted, ARGV[7]))
redis.call('ZREM', KEYS[3], number)
if shows then
  redis.call('ZADD', KEYS[4], string.format('%d', tonumber(likes) * 1000000000 - tonumber(number)), number)
  if wanted == 'featured' then redis.call('ZADD', KEYS[5], ARGV[1], number) end
else
  redis.call('ZREM', KEYS[4], number)
  redis.call('ZREM', KEYS[5], number)
end
local is_old = wanted == 'featured' and new_featured == 0
redis.call('XADD', KEYS[7], '*', 'v', '1', 't', ARGV[1], 'kind', 'admin', 'c', ARGV[2], 'm', ARGV[3], 'id', ARGV[12], 'data',
  string.format('{"act":"review","number":%d,"before":"%s","after":"%s"%s}', number, state, wanted, is_old and ',"again":true' or ''))
if wanted ~= 'cared' and not is_old then tally.count(KEYS[9], KEYS[10], 'submissions_' .. wanted, 1) end
for at = 11, is_old and 0 or #KEYS do
  local which = 13 + (at - 11) * 2
  redis.call('RPUSH', KEYS[at], ARGV[which + 1])
  redis.call('ZADD', KEYS[8], 'NX', ARGV[1], ARGV[which])
end
if #KEYS > 10 and not is_old then redis.call('PUBLISH', 'qb:bell', ARGV[11]) end
return say('done')
