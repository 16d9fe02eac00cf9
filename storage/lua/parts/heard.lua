-- Who said how much, and what was said before: `-- uses: heard` as a script's first line puts this text in front of it.
-- said: 'limit of ten seconds|of a minute|of the same text|of others who said it|digest of the text', 0 without a limit, no digest without a copy to
-- look for; '' where the message is not counted.
-- same: member → when he first said it (ms)|how often since|when last (ms). What lies in the future was noted by a clock that was wrong, and is over.
local heard = {}
local SAME_MS, SAME_PEOPLE, MINUTE_MS, SKEW_MS, LONGEST_QUIET_MS = 600000, 100, 60000, 1000, 600000

-- Until when a flooder goes unanswered and when he spoke, of what is kept of him.
function heard.read(kept, now)
  local quiet, times = string.match(kept or '|', '^(%d*)|(.*)$')
  if quiet ~= '' and (now >= tonumber(quiet) or tonumber(quiet) - now > LONGEST_QUIET_MS) then quiet = '' end
  return quiet, times
end

-- Who said the same: how often the member did within ten minutes, how many others, and whose notes are over.
local function look_at_same(same, member, now)
  local first, mine, others, over, oldest, oldest_at = now, 0, 0, {}, nil, nil
  local flat = redis.call('HGETALL', same)
  for n = 1, #flat, 2 do
    local began, count, last = string.match(flat[n + 1], '^(%d+)|(%d+)|(%d+)$')
    local at = tonumber(last)
    if not at or at <= now - SAME_MS or at > now + SKEW_MS then
      over[#over + 1] = flat[n]
    elseif flat[n] ~= member then
      others = others + 1
      if not oldest_at or at < oldest_at then oldest, oldest_at = flat[n], at end
    elseif tonumber(began) > now - SAME_MS then
      first, mine = tonumber(began), tonumber(count)
    end
  end
  if others >= SAME_PEOPLE then over[#over + 1] = oldest end
  return {first = first, mine = mine + 1, others = others, over = over}
end

-- What is known with this message: {ten, minute, same, others, hushed}, its is_loud, and what heard.keep wants; nil for '' said.
function heard.look(spoke, same, member, now, said)
  if said == '' then return nil end
  local most_in_ten, most_in_minute, most_same, most_others, digest = string.match(said, '^(%d+)|(%d+)|(%d+)|(%d+)|(.*)$')
  local ten, minute, times = 1, 1, ''
  local quiet, kept = heard.read(redis.call('GET', spoke), now)
  for at in string.gmatch(kept, '%d+') do
    local ms = tonumber(at)
    if ms > now - MINUTE_MS and ms <= now + SKEW_MS and minute < 200 then
      times, minute = times .. at .. ',', minute + 1
      if ms > now - 10000 then ten = ten + 1 end
    end
  end
  local hushed, copies = quiet == '' and 0 or 1, digest ~= '' and look_at_same(same, member, now)
  local mine, others = copies and copies.mine or 0, copies and copies.others or 0
  local function is_over(count, most) return most ~= '0' and count >= tonumber(most) end
  return {
    ten, minute, mine, others, hushed, quiet = quiet, times = times, copies = copies,
    is_loud = hushed == 1 or is_over(ten, most_in_ten) or is_over(minute, most_in_minute) or is_over(mine, most_same) or is_over(others, most_others),
  }
end

-- Counts this message; now is the text of it, too.
function heard.keep(spoke, same, member, now, facts)
  if not facts then return end
  redis.call('SET', spoke, facts.quiet .. '|' .. facts.times .. now, 'PX', LONGEST_QUIET_MS)
  local copies = facts.copies
  if not copies then return end
  if #copies.over > 0 then redis.call('HDEL', same, unpack(copies.over)) end
  redis.call('HSET', same, member, string.format('%d|%d|%d', copies.first, copies.mine, now))
  redis.call('PEXPIRE', same, SAME_MS)
end

