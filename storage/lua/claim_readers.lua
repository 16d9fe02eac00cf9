-- Notes which community speaks to some members where a push goes to those of all: the first that asks, for good.
-- KEYS 1 readers of that moment
-- ARGV 1 community  2 life in ms  then member numbers
-- Gives those to whom another community speaks.
local others = {}
for i = 3, #ARGV do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[1]) == 0 and redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[1] then
    others[#others + 1] = ARGV[i]
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return others
