-- Who said how much, and what was said before: `-- uses: heard` as a script's first line puts this text in front of it.
-- said: 'limit of ten seconds|of a minute|of the same text|of others who said it|digest of the text', 0 without a limit, no digest without a copy to
-- look for; '' where the message is not counted.
local heard = {}

-- What is known with this message: {ten, minute, same, others, hushed}, its is_loud, and what heard.keep wants; nil for '' said.
function heard.look(spoke, same, member, now, said)
  if said == '' then return nil end
  local most_in_ten, most_in_minute, most_same, most_others, digest = string.match(said, '^(%d+)|(%d+)|(%d+)|(%d+)|(.*)$')
  local ten, minute, mine, others, hushed, quiet, times = 1, 1, 0, 0, 0, '', ''
  local was = redis.call('GET', spoke)
  if was then
    local kept, first = '', now - 60000
    quiet, kept = string.match(was, '^(%d*)|(.*)$')
    for at in string.gmatch(kept, '%d+') do
      local ms = tonumber(at)
      if ms > first and minute < 200 then
        times, minute = times .. at .. ',', minute + 1
        if ms > now - 10000 then ten = ten + 1 end
      end
    end
    if quiet ~= '' and now < tonumber(quiet) then hushed = 1 end
  end
  local is_known, is_stale = false, false
  if digest ~= '' then
    local first = redis.call('HMGET', same, 't', member)
    is_known = first[1] and now - tonumber(first[1]) < 600000
    is_stale, mine = first[1] and not is_known, 1
    if is_known then
      mine = mine + tonumber(first[2] or 0)
      others = redis.call('HLEN', same) - (first[2] and 2 or 1)
    end
  end
  local function is_over(count, most) return most ~= '0' and count >= tonumber(most) end
  return {
    ten, minute, mine, others, hushed, quiet = quiet, times = times, has_digest = digest ~= '', is_known = is_known, is_stale = is_stale,
    is_loud = hushed == 1 or is_over(ten, most_in_ten) or is_over(minute, most_in_minute) or is_over(mine, most_same) or is_over(others, most_others),
  }
end

-- Counts this message; now is the text of it, too.
function heard.keep(spoke, same, member, now, facts)
  if not facts then return end
  redis.call('SET', spoke, facts.quiet .. '|' .. facts.times .. now, 'PX', 600000)
  if not facts.has_digest then return end
  if not facts.is_known then
    if facts.is_stale then redis.call('DEL', same) end
    redis.call('HSET', same, 't', now, member, 1)
    redis.call('PEXPIRE', same, 600000)
  elseif facts[4] < 1000 then
    redis.call('HINCRBY', same, member, 1)
  end
end

