-- Claims one planned moment of a push or a report and queues what is said, once over all processes; or notes why nothing is said.
-- KEYS 1 fired marker  2 last firings  3 receipts of the month  4 events  5 due  6… the queue of each delivery
-- ARGV 1 now_ms  2 push  3 planned_ms  4 marker_life_ms  5 community  6 event data ('' no event)  7 shard  8 field of its receipt ('' none)
--      9 title  10 why nothing is said ('' it is)  11 receipts_life_ms  12 most moments in a receipt  then member of due, item (JSON) of each delivery
-- Gives 1 for the one that claimed it, else 0.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[4]) == false then return 0 end
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0') then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
if ARGV[8] ~= '' then
  local kept = redis.call('HGET', KEYS[3], ARGV[8])
  local receipt = kept and cjson.decode(kept) or {n = 0, l = {}}
  receipt.n, receipt.t = receipt.n + 1, ARGV[9]
  table.insert(receipt.l, {tonumber(ARGV[3]), tonumber(ARGV[1]), ARGV[10]})
  if #receipt.l > tonumber(ARGV[12]) then table.remove(receipt.l, 1) end
  redis.call('HSET', KEYS[3], ARGV[8], cjson.encode(receipt))
  redis.call('PEXPIRE', KEYS[3], ARGV[11])
end
if ARGV[6] ~= '' then
  redis.call('XADD', KEYS[4], '*', 'v', '1', 't', ARGV[1], 'kind', 'push', 'c', ARGV[5], 'm', '0', 'id', ARGV[2] .. '@' .. ARGV[3], 'data', ARGV[6])
end
for n = 6, #KEYS do
  local at = 13 + (n - 6) * 2
  redis.call('RPUSH', KEYS[n], ARGV[at + 1])
  redis.call('ZADD', KEYS[5], 'NX', ARGV[1], ARGV[at])
end
if #KEYS > 5 then redis.call('PUBLISH', 'qb:bell', ARGV[7]) end
return 1
