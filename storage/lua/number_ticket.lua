-- Gives a ticket its number, one row for the whole installation: who says "ticket 12" in private means one ticket, whatever community.
-- KEYS 1 numbers
-- ARGV 1 community
-- Gives the number. One whose ticket is never opened stays unused.
local number = redis.call('HLEN', KEYS[1]) + 1
redis.call('HSET', KEYS[1], number, ARGV[1])
return number
