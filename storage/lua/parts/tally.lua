-- What is counted of a day: `-- uses: tally` as a script's first line puts this text in front of it.
-- A place is a community, a group of it (community/chat) or the whole installation (~all). It and its day stand in the key of its counters, and
-- `places` (place → first day) tells readers where there is something to read.
local tally = {}
do
  local LIFE_MS = 34560000000  -- 400 days

  -- raises a counter of a day by n, which may be below 0
  function tally.count(counts, places, name, n)
    if redis.call('HINCRBY', counts, name, n) ~= tonumber(n) then return end
    redis.call('PEXPIRE', counts, LIFE_MS)
    local place, day = string.match(counts, '^qb:{%d+}:(.+):counts:([%d-]+)$')
    local begun = redis.call('HGET', places, place)
    if not begun or day < begun then redis.call('HSET', places, place, day) end
  end

  -- counts a planned push in its community and in its group, where whoever speaks next responds to it; that of no group in its community only
  function tally.pushed(counts, group, places, name, newest, now)
    tally.count(counts, places, name, 1)
    if group ~= counts then tally.count(group, places, name, 1) end
    if newest then redis.call('SET', newest, now, 'PX', 3600000) end
  end

  -- marks a member on a day; whether he was not marked before
  function tally.mark(bitmap, member)
    if redis.call('SETBIT', bitmap, member, 1) == 1 then return false end
    redis.call('PEXPIRE', bitmap, LIFE_MS)
    return true
  end

  -- somebody is in a place: he came, unless he was here; he is new, unless he ever was
  function tally.come(counts, places, new, ever, here, member, name)
    if redis.call('SETBIT', here, member, 1) == 0 then tally.count(counts, places, name, 1) end
    if redis.call('SETBIT', ever, member, 1) == 0 and name == 'came' then tally.mark(new, member) end
  end

  -- somebody left a place, if he was here
  function tally.go(counts, places, here, member)
    if redis.call('SETBIT', here, member, 0) == 1 then tally.count(counts, places, 'gone', 1) end
  end
end
