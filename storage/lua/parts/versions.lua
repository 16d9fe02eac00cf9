-- The versions of operators' content: `-- uses: versions` as a script's first line puts this text in front of it.
-- KEYS 1 to 5 and ARGV 1 to 5 are those of content_put and content_swap, whose headers explain them.
local versions = {}
do
  -- the answer that was given to the same change before, or where another version is in force; nil where it may go on, with the version in force
  function versions.look()
    local first = redis.call('GET', KEYS[5])
    if first then return {tonumber(first), 1} end
    local newest = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
    if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= newest then return {newest, 0} end
    return nil, newest
  end

  -- a new version that changed so many items is in force; gives its number
  function versions.add(newest, changed)
    local head = cjson.decode(ARGV[3])
    head.n = changed
    redis.call('HSET', KEYS[3], newest + 1, cjson.encode(head))
    redis.call('HSET', KEYS[1], ARGV[1], newest + 1)
    redis.call('HINCRBY', KEYS[3], 'kept', changed)
    redis.call('HSETNX', KEYS[3], 'oldest', newest + 1)
    return newest + 1
  end

  -- drops the oldest versions, whose changes' keys stand behind KEYS[before], and remembers the answer; gives it
  function versions.done(newest, before)
    for n = 1, tonumber(ARGV[5]) do
      local old = redis.call('HGET', KEYS[3], ARGV[5 + n])
      if old then
        redis.call('HINCRBY', KEYS[3], 'kept', -cjson.decode(old).n)
        redis.call('HDEL', KEYS[3], ARGV[5 + n])
        redis.call('HSET', KEYS[3], 'oldest', ARGV[5 + n] + 1)
        redis.call('UNLINK', KEYS[before + n])
      end
    end
    if ARGV[4] ~= '0' then redis.call('SET', KEYS[5], newest, 'PX', ARGV[4]) end
    return {newest, 1}
  end
end
