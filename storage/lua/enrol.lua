-- Gives the member number of a WeCom user, a new one at first sight, and notes name and home where they are new.
-- KEYS 1 ids  2 users  3 names  4 homes  5 next  6 who has a name  7 chosen
-- ARGV 1 user id  2 name ('' unknown)  3 community ('' not in a group)  4 the name's mark
-- Gives {number, home community or '', learned name or ''}: in a single chat the community that he chose is his home.
local number = redis.call('HGET', KEYS[1], ARGV[1])
if not number then
  number = redis.call('INCR', KEYS[5])
  redis.call('HSET', KEYS[1], ARGV[1], number)
  redis.call('HSET', KEYS[2], number, ARGV[1])
end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[3], number, ARGV[2])
  redis.call('ZADD', KEYS[6], ARGV[4], number)
end
local name = redis.call('HGET', KEYS[3], number) or ''
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[4], number, ARGV[3])
  return {tonumber(number), ARGV[3], name}
end
return {tonumber(number), redis.call('HGET', KEYS[7], number) or redis.call('HGET', KEYS[4], number) or '', name}
