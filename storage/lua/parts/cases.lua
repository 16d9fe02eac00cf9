-- What acts on cases share.
-- A case's state is state|by|t|revision|holder|weight|into|again|notes: open, hinted, warned, ignored, lifted or merged; who decided last (0 the machine)
-- and when; how often people decided; to whom it was handed; the weight of what was reported; the case it was merged into; how often more was
-- said that belongs to it; how many notes of reporters it ever got. An older layout kept the state alone.
local cases = {}

function cases.read(key, number)
  local kept = redis.call('HGET', key, number)
  if not kept then return nil end
  local f = {}
  for part in string.gmatch(kept .. '|', '([^|]*)|') do f[#f + 1] = part end
  return {
    state = f[1], by = f[2] ~= '' and f[2] or '0', t = f[3] ~= '' and f[3] or '0', revision = tonumber(f[4] or '0') or 0,
    holder = f[5] or '', weight = tonumber(f[6] or '0') or 0, into = f[7] or '', again = tonumber(f[8] or '0') or 0,
    notes = tonumber(f[9] or '0') or 0,
  }
end

function cases.write(key, number, s)
  redis.call('HSET', key, number,
    string.format('%s|%s|%s|%d|%s|%.3f|%s|%d|%d', s.state, s.by or '0', s.t or '0', s.revision, s.holder, s.weight, s.into, s.again,
      s.notes or 0))
end

-- the case that one was merged into, through all that came after; itself where it was not
function cases.last(key, number)
  local s = cases.read(key, number)
  for _ = 1, 100 do
    if not s or s.into == '' then break end
    number = s.into
    s = cases.read(key, number)
  end
  return number, s
end

-- the case that a field of `key` names as number|time|how, how long ago, and how; a time that is yet to come (the clock was set back) becomes now
function cases.known(key, field, now)
  local number, t, how = string.match(redis.call('HGET', key, field) or '', '^(%d+)|(%d+)|(%a+)$')
  if not number then return nil end
  if tonumber(t) > now then redis.call('HSET', key, field, string.format('%s|%.0f|%s', number, now, how)) end
  return number, math.max(0, now - tonumber(t)), how
end

-- whether a member is among those who reported a case
function cases.is_reporter(reports, number, member)
  return string.find(',' .. (redis.call('HGET', reports, number) or ''), ',' .. member .. ':', 1, true) ~= nil
end

-- whether a member ever decided a case, or an appeal against it
function cases.has_decided(told, number, member)
  for line in string.gmatch(redis.call('HGET', told, number) or '', '[^\n]+') do
    local row = cjson.decode(line)
    if string.format('%d', row.by) == member and (row.act == 'warned' or row.act == 'ignored' or row.act == 'granted' or row.act == 'upheld') then
      return true
    end
  end
  return false
end

-- adds a row to what happened to a case: JSON lines, the oldest first
function cases.tell(key, number, row)
  local told = redis.call('HGET', key, number)
  redis.call('HSET', key, number, (told and told .. '\n' or '') .. cjson.encode(row))
end

-- how many strikes of a member count: those that came one after the other without a pause as long as lapse (0: all of them)
function cases.strikes(key, now, lapse)
  local count, last = 0, tonumber(now)
  local rows = redis.call('ZREVRANGE', key, 0, -1, 'WITHSCORES')
  for at = 2, #rows, 2 do
    local t = tonumber(rows[at])
    if lapse > 0 and last - t > lapse then break end
    count, last = count + 1, t
  end
  return count
end

-- whether people found the case right (agreed) or wrong (overturned); nil while nobody did
function cases.found(s)
  if s.by == '0' or s.state == 'open' or s.state == 'hinted' or s.state == 'merged' then return nil end
  return s.state == 'warned' and 'agreed' or 'overturned'
end

-- keeps the count of how often people agreed: ARGV from `first` on names what is counted
function cases.count(key, before, after, first)
  if before == after then return end
  for at = first, #ARGV do
    if before then redis.call('HINCRBY', key, before .. '|' .. ARGV[at], -1) end
    if after then redis.call('HINCRBY', key, after .. '|' .. ARGV[at], 1) end
  end
end

-- keeps of each reporter of a case how many of his reports were found right: accepted|refused by member
function cases.credit(reports, records, number, before, after)
  if before == after then return end
  local listed = redis.call('HGET', reports, number) or ''
  for reporter in string.gmatch(listed, '(%d+):[^,]*') do
    local accepted, refused = string.match(redis.call('HGET', records, reporter) or '0|0', '^(%d+)|(%d+)$')
    accepted, refused = tonumber(accepted), tonumber(refused)
    if before == 'agreed' then accepted = math.max(0, accepted - 1) elseif before then refused = math.max(0, refused - 1) end
    if after == 'agreed' then accepted = accepted + 1 elseif after then refused = refused + 1 end
    redis.call('HSET', records, reporter, string.format('%d|%d', accepted, refused))
  end
end

-- where a case stands in the queue: what weighs more stands as if it had come earlier, half a day for each unit
function cases.place(filed, weight) return string.format('%.0f', tonumber(filed) - weight * 43200000) end
