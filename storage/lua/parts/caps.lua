-- What counts towards a cap: `-- uses: caps` as a script's first line puts this text in front of it.
-- fields: member or chat, |, kind, of the counts of a day. What was handed back once is never below nothing: who was forgotten meanwhile stays so.
local caps = {}
do
  local LIFE_MS = 8640000000  -- 100 days

  -- what a delivery took of the caps of its day is free again
  function caps.hand_back(counts, fields)
    for _, field in ipairs(fields) do
      local had = tonumber(redis.call('HGET', counts, field) or '0')
      if had > 1 then
        redis.call('HINCRBY', counts, field, -1)
      elseif had == 1 then
        redis.call('HDEL', counts, field)
      end
    end
  end

  -- it takes its part again
  function caps.take(counts, fields)
    for _, field in ipairs(fields) do redis.call('HINCRBY', counts, field, 1) end
    redis.call('PEXPIRE', counts, LIFE_MS)
  end
end
