-- How messages felt, added up: `-- uses: mood` as a script's first line puts this text in front of it.
-- A line is a hash: h<hour of the day> → hour since 1970|messages|unhappy ones|by whom (16 bits); a day (2026-11-22) → messages|unhappy ones|sum of the
-- scores; alarm → since when (ms)|calm since when (ms, 0 not calm). A bit stands for a sixteenth of all members: three bits are three different ones,
-- and none of them says who.
local mood = {}
do
  local WEIGHT, DAYS, WORDS, WORDS_LIFE_MS = 0.05, 400, 3000, 172800000
  local CALM_MS, HOUR_MS, LEAST_PEOPLE = 21600000, 3600000, 3
  -- an alarm ends when the share stayed below two thirds of its threshold for so long; what lies more than an hour ahead was noted by a clock that
  -- was wrong, and is forgotten

  local function people(bits)
    local count = 0
    while bits > 0 do
      count = count + bits % 2
      bits = math.floor(bits / 2)
    end
    return count
  end

  -- Mixes a score into weighted means, kept as mean|number of messages.
  function mood.mix(means, fields, score)
    local kept, out = redis.call('HMGET', means, unpack(fields)), {}
    for n, field in ipairs(fields) do
      local mean, count = string.match(kept[n] or '', '^([^|]+)|(%d+)$')
      mean = mean and tonumber(mean) * (1 - WEIGHT) + score * WEIGHT or score
      out[#out + 1] = field
      out[#out + 1] = string.format('%.4f|%d', mean, (tonumber(count) or 0) + 1)
    end
    redis.call('HSET', means, unpack(out))
  end

  local function drop_old_days(line)
    local days = {}
    for _, field in ipairs(redis.call('HKEYS', line)) do
      if string.find(field, '^%d+%-%d+%-%d+$') then days[#days + 1] = field end
    end
    table.sort(days)
    for n = 1, #days - DAYS do redis.call('HDEL', line, days[n]) end
  end

  -- Counts a message in its hour and its day. An hour that is more than a day older than what is counted there is left out. Gives the alarm as it is.
  function mood.count(line, now, day, member, score, low)
    local hour = math.floor(now / HOUR_MS)
    local slot = 'h' .. (hour % 24)
    local kept = redis.call('HMGET', line, slot, day, 'alarm')
    local at, count, lows, bits = string.match(kept[1] or '', '^(%d+)|(%d+)|(%d+)|(%d+)$')
    if not at or tonumber(at) < hour or tonumber(at) > hour + 1 then at, count, lows, bits = hour, 0, 0, 0 end
    local all, unhappy, sum = string.match(kept[2] or '0|0|0', '^(%d+)|(%d+)|(.+)$')
    local day_now = string.format('%d|%d|%.3f', all + 1, unhappy + low, sum + score)
    if tonumber(at) == hour then
      if low == 1 then bits = bit.bor(tonumber(bits), bit.lshift(1, member % 16)) end
      redis.call('HSET', line, day, day_now, slot, string.format('%d|%d|%d|%d', hour, count + 1, lows + low, bits))
    else
      redis.call('HSET', line, day, day_now)
    end
    if not kept[2] then drop_old_days(line) end
    return kept[3] or ''
  end

  -- Rings once when the share of unhappy messages of 24 hours is too high and several people's; watches for calm afterwards.
  function mood.watch(line, bells, community, now, low, share, least, alarm)
    local since, calm = string.match(alarm, '^(%d+)|(%d+)$')
    if since and tonumber(since) > now + HOUR_MS then since = nil end
    if calm and tonumber(calm) > now + HOUR_MS then calm = '0' end
    if share <= 0 or (low == 0 and not since) then return end
    local names, hour = {}, math.floor(now / HOUR_MS)
    for n = 0, 23 do names[#names + 1] = 'h' .. n end
    local all, lows, bits = 0, 0, 0
    for _, kept in ipairs(redis.call('HMGET', line, unpack(names))) do
      local at, count, unhappy, by = string.match(kept or '', '^(%d+)|(%d+)|(%d+)|(%d+)$')
      if at and tonumber(at) <= hour and tonumber(at) > hour - 24 then
        all, lows, bits = all + count, lows + unhappy, bit.bor(bits, tonumber(by))
      end
    end
    if not since then
      if all >= least and lows >= share * all and people(bits) >= LEAST_PEOPLE then
        redis.call('HSET', line, 'alarm', string.format('%d|0', now))
        redis.call('ZADD', bells, now, community)
      end
      return
    end
    if all >= least and lows >= share * all * 2 / 3 then
      if calm ~= '0' then redis.call('HSET', line, 'alarm', since .. '|0') end
    elseif calm == '0' then
      redis.call('HSET', line, 'alarm', string.format('%s|%d', since, now))
    elseif now - tonumber(calm) >= CALM_MS then
      redis.call('HDEL', line, 'alarm')
    end
  end

  -- Counts words: -word → unhappy messages|by whom (16 bits), +word → others of which one in four is looked at. Bounded; no text can be told from it.
  function mood.hear(words, said, member, low)
    if #said == 0 then return end
    local room = WORDS - redis.call('HLEN', words)
    for _, word in ipairs(said) do
      local field = (low == 1 and '-' or '+') .. word
      local count, bits = string.match(redis.call('HGET', words, field) or '', '^(%d+)|(%d+)$')
      if count or room > 0 then
        if not count then room = room - 1 end
        bits = bit.bor(tonumber(bits) or 0, bit.lshift(1, member % 16))
        redis.call('HSET', words, field, string.format('%d|%d', (tonumber(count) or 0) + 1, bits))
      end
    end
    redis.call('PEXPIRE', words, WORDS_LIFE_MS)
  end

  -- All of a message: what is said in a single chat is its member's own and counts for no group.
  function mood.feel(means, line, words, bells, now, day, community, member, felt)
    if felt.chat == '' then
      mood.mix(means, {'m' .. member}, felt.score)
      return
    end
    mood.mix(means, {'group', 'c' .. felt.chat, 'm' .. member}, felt.score)
    local alarm = mood.count(line, now, day, member, felt.score, felt.low)
    mood.hear(words, felt.words, member, felt.low)
    mood.watch(line, bells, community, now, felt.low, felt.share, felt.least, alarm)
  end
end
