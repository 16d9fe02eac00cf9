-- What a member has and his newest rows as they are at one moment.
-- KEYS 1 balances  2 his rows  3 lots  4 expiring
-- ARGV 1 member  2 how many rows
-- Gives {balance, lots ('' none), day of the first lot ('' none), row, row, …}, the oldest row first.
local told = {redis.call('HGET', KEYS[1], ARGV[1]) or '0', redis.call('HGET', KEYS[3], ARGV[1]) or '', redis.call('ZSCORE', KEYS[4], ARGV[1]) or ''}
for _, row in ipairs(redis.call('LRANGE', KEYS[2], -tonumber(ARGV[2]), -1)) do told[#told + 1] = row end
return told
