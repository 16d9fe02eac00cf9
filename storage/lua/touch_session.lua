-- Looks at a console session and keeps it awake.
-- KEYS 1 sessions of the member
-- ARGV 1 digest of the session  2 now_ms  3 how long it may sleep in ms  4 how old it may become in ms
-- Gives its row (began|seen|…, in ms), or '' when there is none or it has run out: then it is removed.
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row then return '' end
local began, seen, rest = string.match(row, '^(%d+)|(%d+)(.*)$')
local now = tonumber(ARGV[2])
if now - tonumber(seen) >= tonumber(ARGV[3]) or now - tonumber(began) >= tonumber(ARGV[4]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return ''
end
if now <= tonumber(seen) then return row end
row = began .. '|' .. ARGV[2] .. rest
redis.call('HSET', KEYS[1], ARGV[1], row)
return row
