-- Carries a mailing on by one page: whom it is queued for, and why not for the others. With a claim it begins the mailing, once over all processes.
-- KEYS 1 mailing  2 mailings due  3 mailings of the community  4 events  5 outbox due  6 opted out  7 fired marker  8 last firings
--      9 receipts of the month  then the counts of the days from today back  then the queues
-- ARGV 1 the page (JSON, storage/mailings.py)
-- Gives 1; or 0 when another process was first, or the mailing is over: then nothing was done.
local page = cjson.decode(ARGV[1])
local name = page.push .. '@' .. page.planned
local claim = page.claim
if type(claim) == 'table' then
  if redis.call('SET', KEYS[7], page.now, 'NX', 'PX', claim.marker_life) == false then return 0 end
  if tonumber(page.planned) > tonumber(redis.call('HGET', KEYS[8], page.push) or '0') then redis.call('HSET', KEYS[8], page.push, page.planned) end
  local kept = redis.call('HGET', KEYS[9], claim.receipt)
  local receipt = kept and cjson.decode(kept) or {n = 0, l = {}}
  receipt.n, receipt.t = receipt.n + 1, claim.title
  table.insert(receipt.l, {tonumber(page.planned), tonumber(page.now), ''})
  if #receipt.l > claim.most_moments then table.remove(receipt.l, 1) end
  redis.call('HSET', KEYS[9], claim.receipt, cjson.encode(receipt))
  redis.call('PEXPIRE', KEYS[9], page.life)
  redis.call('HSET', KEYS[1], 'to', claim.to, 'title', claim.title, 'of', claim.of, 'begun', page.now)
  redis.call('ZADD', KEYS[3], page.planned, name)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. claim.oldest)
else
  local kept = redis.call('HMGET', KEYS[1], 'cursor', 'state')
  if kept[1] ~= page.cursor or kept[2] == 'stopped' or kept[2] == 'done' then return 0 end
end
local queued, skipped = 0, {}
local first_queue = 10 + page.days
for _, unit in ipairs(page.units) do
  local why = unit.why
  -- who is held out goes through the same sieve as the others, or the two could not be compared
  local is_meant = why == '' or why == 'holdout'
  if is_meant and unit.m > 0 then
    local wish = redis.call('HGET', KEYS[6], unit.m)
    if wish == 'all' or (wish == 'marketing' and page.marketing) then why, is_meant = 'opted_out', false end
  end
  if is_meant then
    for _, cap in ipairs(page.caps) do
      local had = 0
      for day = 10, 9 + cap.days do had = had + tonumber(redis.call('HGET', KEYS[day], unit.u .. '|' .. cap.kind) or '0') end
      if had >= cap.most then
        why = 'cap'
        break
      end
    end
  end
  local data = unit.x
  if why == '' then
    for _, kind in ipairs(page.kinds) do redis.call('HINCRBY', KEYS[10], unit.u .. '|' .. kind, 1) end
    for _, delivery in ipairs(unit.d) do
      redis.call('RPUSH', KEYS[first_queue + delivery[1]], delivery[3])
      redis.call('ZADD', KEYS[5], 'NX', page.now, delivery[2])
    end
    queued = queued + 1
  else
    skipped[why] = (skipped[why] or 0) + 1
    data = string.sub(data, 1, -2) .. ',"why":"' .. why .. '"}'
  end
  redis.call('XADD', KEYS[4], '*', 'v', '1', 't', page.now, 'kind', 'push', 'c', page.community, 'm', unit.m, 'id', name, 'data', data)
end
if queued > 0 then
  redis.call('HINCRBY', KEYS[1], 'queued', queued)
  redis.call('PEXPIRE', KEYS[10], page.counts_life)
  redis.call('PUBLISH', 'qb:bell', page.shard)
end
for why, many in pairs(skipped) do redis.call('HINCRBY', KEYS[1], 'skip:' .. why, many) end
redis.call('HINCRBY', KEYS[1], 'looked', #page.units)
local state, next_at = page.state, page.next
-- who was only looked at is no reader: the others wait once enough have got it
if state == 'running' and page.first > 0 and queued >= page.first then state, next_at = 'first', page.first_until end
redis.call('HSET', KEYS[1], 'cursor', page.after, 'state', state, 'next', next_at)
if state == 'done' then
  redis.call('HSET', KEYS[1], 'ended', page.now)
  redis.call('ZREM', KEYS[2], page.community .. '|' .. name)
else
  redis.call('ZADD', KEYS[2], next_at, page.community .. '|' .. name)
end
redis.call('PEXPIRE', KEYS[1], page.life)
return 1
