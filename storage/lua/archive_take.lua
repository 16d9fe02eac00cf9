-- Notes that messages of the archive were taken in, and says how far everything was.
-- KEYS 1 mark and floor  2 numbers above the floor that were taken
-- ARGV 1 how many numbers are remembered one by one  2… the numbers (seq) of the messages, in their order
-- Gives the mark: everything up to it was taken. It begins at the first number ever seen. A gap holds it up until as many later ones were
--       taken as are remembered: numbers that far behind will not come any more.
local window = tonumber(ARGV[1])
local was = redis.call('HMGET', KEYS[1], 'mark', 'floor')
local mark, floor = tonumber(was[1] or ARGV[2]), tonumber(was[2] or 0)
local function text(number) return string.format('%.0f', number) end
for at = 2, #ARGV do
  local seq = tonumber(ARGV[at])
  if seq > floor then redis.call('ZADD', KEYS[2], seq, text(seq)) end
end
local over = redis.call('ZCARD', KEYS[2]) - window
for _ = 1, over do floor = tonumber(redis.call('ZPOPMIN', KEYS[2])[1]) end
if floor > mark then mark = floor end
while redis.call('ZSCORE', KEYS[2], text(mark + 1)) do mark = mark + 1 end
redis.call('HSET', KEYS[1], 'mark', text(mark), 'floor', text(floor))
return text(mark)
