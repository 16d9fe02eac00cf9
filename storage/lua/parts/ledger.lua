-- The core of every act that moves points: `-- uses: tally, ledger` as a script's first line puts this text in front of it.
-- KEYS 1 balances  2 lots  3 expiring  4 board of all time  5 board of the month  6 board of the week  7 board of the day  8 caps of the day
--      9 events  10, 11, 12 done in this week, the one before, the one after  13 counts of the day  14 places; the act's own follow
-- ARGV 1 now_ms  2 community  3 once digest ('' none), a space, what caused it ('' untold); the digest alone from here on
--      4 today (ordinal)  5 last day of points earned now (ordinal, 0 never lapse)
--      6 lives of the boards of a day, a week and a month in ms (comma separated); the act's own follow
-- A member is his number; treasury, shop, events and expiry are the accounts on the other side: the sum of all balances is always 0.
local ledger = {today = tonumber(ARGV[4]), lapses = tonumber(ARGV[5])}
do
  local cause
  ARGV[3], cause = string.match(ARGV[3], '^(%S*) ?(.*)$')
  local now, community, once, today = ARGV[1], ARGV[2], ARGV[3], ledger.today
  local DONE_LIFE_MS, CAPS_LIFE_MS = 691200000, 172800000  -- of a week after its last act, of a day

  local function whole(n) return string.format('%d', n) end

  local function is_member(account) return string.find(account, '^%d+$') ~= nil end

  -- 'day:n,day:n' as {{day, n}, …}, the earliest first, and back
  function ledger.read_lots(text)
    local lots = {}
    for day, n in string.gmatch(text or '', '(%d+):(%d+)') do lots[#lots + 1] = {tonumber(day), tonumber(n)} end
    return lots
  end

  function ledger.write_lots(lots)
    local parts = {}
    for _, lot in ipairs(lots) do parts[#parts + 1] = whole(lot[1]) .. ':' .. whole(lot[2]) end
    return table.concat(parts, ',')
  end

  local function lots_of(member) return ledger.read_lots(redis.call('HGET', KEYS[2], member)) end

  local function put_lots(member, lots)
    if #lots == 0 then
      redis.call('HDEL', KEYS[2], member)
      redis.call('ZREM', KEYS[3], member)
    else
      redis.call('HSET', KEYS[2], member, ledger.write_lots(lots))
      redis.call('ZADD', KEYS[3], lots[1][1], member)
    end
  end

  local function add_lots(member, more)
    if #more == 0 then return end
    local lots = lots_of(member)
    for _, lot in ipairs(more) do
      local at = 1
      while lots[at] and lots[at][1] < lot[1] do at = at + 1 end
      if lots[at] and lots[at][1] == lot[1] then
        lots[at][2] = lots[at][2] + lot[2]
      else
        table.insert(lots, at, {lot[1], lot[2]})
      end
    end
    put_lots(member, lots)
  end

  -- the soonest to lapse go first; gives {{day, n}, …}, whose sum is less than n where points went that never lapse
  local function take_lots(member, n)
    local lots, taken = lots_of(member), {}
    while n > 0 and lots[1] do
      local part = math.min(n, lots[1][2])
      taken[#taken + 1] = {lots[1][1], part}
      lots[1][2] = lots[1][2] - part
      n = n - part
      if lots[1][2] == 0 then table.remove(lots, 1) end
    end
    if #taken > 0 then put_lots(member, lots) end
    return taken
  end

  -- at most as much goes down as is there: a board never shows less than nothing
  local function raise(board, member, n, life)
    if n < 0 then n = -math.min(-n, tonumber(redis.call('ZSCORE', board, member) or '0')) end
    if n ~= 0 and tonumber(redis.call('ZINCRBY', board, n, member)) == 0 then redis.call('ZREM', board, member) end
    if n ~= 0 and life then redis.call('PEXPIRE', board, life) end
  end

  local function count(member, n)
    local day, week, month = string.match(ARGV[6], '^(%d+),(%d+),(%d+)$')
    raise(KEYS[4], member, n)
    raise(KEYS[5], member, n, month)
    raise(KEYS[6], member, n, week)
    raise(KEYS[7], member, n, day)
  end

  -- t in seconds|n|other account ('' treasury)|reason|actor ('' the member himself)|first 8 of the once digest|note
  local function write_row(key, member, n, other, move)
    local actor = tostring(move.actor or '')
    local row = {
      whole(math.floor(tonumber(now) / 1000)), whole(n), other == 'treasury' and '' or other, move.reason,
      actor == member and '' or actor, string.sub(once, 1, 8), move.note or '',
    }
    redis.call('RPUSH', key, table.concat(row, '|'))
  end

  local function json(account) return is_member(account) and account or '"' .. account .. '"' end

  -- the first result of a repeat, or nil
  function ledger.first()
    if once == '' then return nil end
    for key = 10, 12 do
      local result = redis.call('HGET', KEYS[key], once)
      if result then return result end
    end
  end

  -- keeps a result for repeats, and gives it back
  function ledger.keep(result)
    if once ~= '' then
      redis.call('HSET', KEYS[10], once, result)
      redis.call('PEXPIRE', KEYS[10], DONE_LIFE_MS)
    end
    return result
  end

  function ledger.balance(account) return tonumber(redis.call('HGET', KEYS[1], account) or '0') end

  function ledger.earned(member) return tonumber(redis.call('ZSCORE', KEYS[4], member) or '0') end

  -- how much of n the day's caps still allow (a cap of 0 is none); what is given counts against them
  function ledger.room(member, reason, n, cap_of_reason, cap_of_day)
    local function left(field, cap)
      if cap <= 0 then return n end
      return math.max(0, math.min(n, cap - tonumber(redis.call('HGET', KEYS[8], field) or '0')))
    end
    local of_reason, of_day = member .. ':' .. reason, tostring(member)
    local given = math.min(left(of_reason, cap_of_reason), left(of_day, cap_of_day))
    if given <= 0 then return 0 end
    redis.call('HINCRBY', KEYS[8], of_reason, given)
    redis.call('HINCRBY', KEYS[8], of_day, given)
    redis.call('PEXPIRE', KEYS[8], CAPS_LIFE_MS)
    return given
  end

  -- {from=, to=, n=, reason=, actor=, note=, rows={[member]=rows_key}, counts=bool, lots={{day, n}, …}|nil} moves n > 0.
  -- counts: what a member gets is earned by him, what an account takes back from him is not. lots: on which days what is moved lapses; without
  -- them points that come to a member lapse as those earned now, or, between members, when they would have lapsed before.
  -- Gives the lots that were taken from a giving member, or nil and 'short' when he has less: then nothing was done.
  function ledger.move(move)
    local from, to, n, taken, lapsing = tostring(move.from), tostring(move.to), move.n, {}, 0
    for _, lot in ipairs(move.lots or {}) do lapsing = lapsing + lot[2] end
    -- before anything is written: what a script has done stays done when it fails
    if not (n > 0 and n == math.floor(n) and from ~= to and lapsing <= n)
      or (is_member(from) and not move.rows[from]) or (is_member(to) and not move.rows[to]) then
      error('ledger.move: ' .. from .. ' to ' .. to .. ' is no move')
    end
    if is_member(from) then
      if ledger.balance(from) < n then return nil, 'short' end
      taken = take_lots(from, n)
    end
    local left = redis.call('HINCRBY', KEYS[1], from, -n)
    local balance = redis.call('HINCRBY', KEYS[1], to, n)
    if is_member(to) then
      local lots = move.lots or (is_member(from) and taken) or (ledger.lapses > 0 and {{ledger.lapses, n}}) or {}
      add_lots(to, lots)
      write_row(move.rows[to], to, n, from, move)
      if move.counts then count(to, n) end
    end
    if is_member(from) then
      write_row(move.rows[from], from, -n, to, move)
      if move.counts and not is_member(to) then count(from, -n) end
    end
    if is_member(to) ~= is_member(from) then
      local way = is_member(to) and 'in' or 'out'
      tally.count(KEYS[13], KEYS[14], 'points_' .. way, n)
      tally.count(KEYS[13], KEYS[14], way .. ':' .. move.reason, n)
    end
    local member = is_member(to) and to or from
    local data = '{"act":"points","from":' .. json(from) .. ',"to":' .. json(to) .. ',"n":' .. whole(n)
      .. ',"reason":' .. cjson.encode(move.reason) .. ',"balance":' .. whole(is_member(to) and balance or left)
      .. ',"day":' .. whole(today) .. (move.counts and ',"counts":true' or '') .. (cause ~= '' and ',"why":' .. cjson.encode(cause) or '') .. '}'
    redis.call('XADD', KEYS[9], '*', 'v', '1', 't', now, 'kind', 'change', 'c', community, 'm', is_member(member) and member or '0',
      'id', once, 'data', data)
    return taken
  end

  -- what a member had until yesterday or before goes to expiry; gives how much
  function ledger.lapse(member, rows_key)
    local first = redis.call('ZSCORE', KEYS[3], member)
    if not first or tonumber(first) >= today then return 0 end
    local n = 0
    for _, lot in ipairs(lots_of(member)) do
      if lot[1] < today then n = n + lot[2] end
    end
    if n > 0 then
      ledger.move{from = member, to = 'expiry', n = n, reason = 'lapse', actor = '0', rows = {[tostring(member)] = rows_key}}
    end
    return n
  end
end
