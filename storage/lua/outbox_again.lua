-- Puts a delivery off: it stays the head of its queue, or lets others pass; what its mailing has behind it goes along.
-- KEYS 1 queue  2 due  3 leases
-- ARGV 1 member of due  2 fence  3 at_ms  4 item as it is to be from now on (JSON)  5 whether others pass: 1 or 0
-- Gives 1, or 0 when the lease was lost: then nothing was done.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('LSET', KEYS[1], 0, ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
if ARGV[5] == '1' then
  local function mailing_of(item) return item and string.match(item, '"mailing":"([^"]+)"') end
  local own = mailing_of(ARGV[4])
  for _ = 1, redis.call('LLEN', KEYS[1]) do
    if mailing_of(redis.call('LINDEX', KEYS[1], 0)) ~= own then break end
    redis.call('RPUSH', KEYS[1], redis.call('LPOP', KEYS[1]))
  end
end
return 1
