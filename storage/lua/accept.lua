-- uses: heard
-- Takes a message in, once.
-- KEYS 1 message state  2 inbox  3 events  4 members  5 waiting question  6 notices  7 talk  8 how much the member spoke  9 who said the same
-- ARGV 1 now_ms  2 consumer  3 payload  4 message id  5 member (0: nobody)  6 community  7 event data (JSON); its text is left out where the waiting question is secret
--      8 takeover_ms: how old unfinished work must be before a repeat may take it over
--      9 whether it is speech, which makes its member known: 1 or 0  10 life of unfinished state in ms
--      11 said, as parts/heard.lua reads it  12 member in the log: 0 and no id where it was told in confidence
-- Gives {'done', answer} for a repeat of a finished message, {'busy'} while another works on it, else
--       {'yours', inbox entry, first message of this member 0/1, waiting question or false, notices, payload kept at the first try or '',
--       topic, told and asked of the talk, each false when there is none, what heard.look tells where it is too much, else {}}
local now, member, facts = tonumber(ARGV[1]), ARGV[5], ARGV[7]
local was = redis.call('HMGET', KEYS[1], 'answer', 'since', 'entry')
if was[1] then return {'done', was[1]} end
local entry, kept, history = was[3], '', {}
if entry then
  if now - tonumber(was[2]) < tonumber(ARGV[8]) then return {'busy'} end
  redis.call('XCLAIM', KEYS[2], 'bot', ARGV[2], 0, entry, 'JUSTID')
  redis.call('HSET', KEYS[1], 'since', ARGV[1])
  local found = redis.call('XRANGE', KEYS[2], entry, entry)
  kept = found[1] and found[1][2][2] or ''
else
  local waiting = member ~= '0' and redis.call('GET', KEYS[5])
  if waiting and string.find(waiting, '"is_secret":true', 1, true) then
    -- what answers it stands in no log, whatever the log keeps else
    local told = cjson.decode(facts)
    told.text = nil
    facts = cjson.encode(told)
  end
  entry = redis.call('XADD', KEYS[2], '*', 'm', ARGV[3])
  -- FORCE puts it into the pending list at once, so that a crash right after this leaves it to be claimed by others
  redis.call('XCLAIM', KEYS[2], 'bot', ARGV[2], 0, entry, 'FORCE', 'JUSTID', 'LASTID', entry)
  redis.call('HSET', KEYS[1], 'since', ARGV[1], 'entry', entry, 'member', member)
  redis.call('PEXPIRE', KEYS[1], ARGV[10])
  redis.call('XADD', KEYS[3], '*', 'v', '1', 't', ARGV[1], 'kind', 'inbound', 'c', ARGV[6], 'm', ARGV[12],
    'id', ARGV[12] == member and ARGV[4] or '', 'data', facts)
  local spoken = heard.look(KEYS[8], KEYS[9], member, now, ARGV[11])
  heard.keep(KEYS[8], KEYS[9], member, now, spoken)
  if spoken and spoken.is_loud then history = {spoken[1], spoken[2], spoken[3], spoken[4], spoken[5]} end
end
if member == '0' then return {'yours', entry, 0, false, {}, kept, {}, history} end
local seen, mark = redis.call('HGET', KEYS[4], member), 'new:' .. ARGV[4]
if not seen and ARGV[9] == '1' then
  redis.call('HSET', KEYS[4], member, mark)
  seen = mark
end
return {'yours', entry, seen == mark and 1 or 0, redis.call('GET', KEYS[5]), redis.call('LRANGE', KEYS[6], 0, 9), kept,
  redis.call('HMGET', KEYS[7], 'topic', 'told', 'asked'), history}
