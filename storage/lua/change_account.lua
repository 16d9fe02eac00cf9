-- Takes a code of a member's login by password, and changes that login or ends it.
-- KEYS 1 login of the member  2 seed of the next one
-- ARGV 1 mark of the form that asks for it ('' none: a repeat is refused as its code is used)  2 the password's digest that was compared ('' there is no login yet)
--      3 number of the app's code that was shown (0 none)  4 digest of the recovery code that was shown ('' none)
--      5 what: 'put' the fields that follow, or 'drop' the login  6… field, value; for 'drop' the new seed, its life in ms
-- Gives 'done'; 'same' for a repeat, which changes nothing; 'changed' when the login is another by now; 'used' when the code was taken before, or is none of his.
local password, last, codes, mark = unpack(redis.call('HMGET', KEYS[1], 'password', 'counter', 'codes', 'mark'))
if ARGV[1] ~= '' and mark == ARGV[1] then return 'same' end
if (password or '') ~= ARGV[2] then return 'changed' end
local counter = tonumber(ARGV[3])
if counter > 0 then
  if counter <= tonumber(last or 0) then return 'used' end
elseif ARGV[4] ~= '' then
  local from, to = string.find(codes or '', ARGV[4] .. ' ', 1, true)
  if not from then return 'used' end
  codes = string.sub(codes, 1, from - 1) .. string.sub(codes, to + 1)
else
  return 'used'
end
if ARGV[5] == 'drop' then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7])
  return 'done'
end
if counter > 0 then redis.call('HSET', KEYS[1], 'counter', ARGV[3]) else redis.call('HSET', KEYS[1], 'codes', codes) end
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'mark', ARGV[1]) end
for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 'done'
