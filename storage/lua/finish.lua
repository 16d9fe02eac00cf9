-- uses: heard, mood, tally
-- Ends a message: keeps its answer for repeats, logs, counts, queues what is to be sent or done later, and leaves the inbox. A message that
-- changed nothing on its way was not taken in before: it comes in and ends here, if all is as its process took for granted.
-- KEYS 1 message state  2 inbox  3 events  4 jobs  5 counts  6 active  7 members  8 waiting question  9 notices  10 unanswered  11 due
--      12 talk  13 first messages of a day  14 how much the member spoke  15 who said the same  16 moods  17 line of moods
--      18 words of moods of a day  19 alarms of moods  20 pictures to be looked at  21 places
--      community: 22 who took part  23 who is new  24 who ever was here  25 who is here
--      group: 26 counts  27 active  28 who took part  29 who is new  30 who ever was here  31 who is here  32 who spoke soon after a push  33 the newest push
--      whole installation: 34 active  35 who took part  36 who is new  37 who ever was here
--      38 who in the community spoke soon after a push  39… one outbox queue for each delivery; then, for an answer in parts, its state and the stream of such work
-- ARGV 1 now_ms  2 inbox entry ('' not taken in yet)  3 message id  4 community  5 member  6 answer  7 keep_ms of the answer  8 first message 0/1
--      9 waiting question ('' leave, '-' drop, else JSON)  10 its life in ms  11 unanswered question ('' none)
--      12 job (JSON, '' none)  13 most jobs that may wait  14 counted as active 0/1  15 took part in something 0/1  16 shard
--      17 inbound event data (JSON) of one not taken in yet  18 whether it is speech, which makes its member known: 1 or 0; 2 where it is no number, which a question may wait for
--      19 work of an answer in parts (JSON, '' none)  20 what is shown of it first  21 its life in ms
--      22 topic of the talk ('' leave)  23 when he was told that nobody knows ('' leave)  24 what he asked ('' leave)  25 life of the talk in ms
--      26 what is noted where it is the member's first of the day ('' nothing)
--      27 said, as parts/heard.lua reads it, of one not taken in yet
--      28 how it felt (JSON: score, low 0/1, chat, day, words, share, least: parts/mood.lua), '' where nobody asks
--      29 pictures to be looked at (JSON, '' none)  30 chat ('' a single chat)  31 member in the log: 0 and no id where it was told in confidence
--      32 number of counters, then name, by each; number of events, then kind, data each; number of notices that were said, then each;
--      then for each delivery its member of due and its item (JSON); last, whom the answer names besides who asked ('' nobody)
-- Gives {1, answer} when this call ended it, {0, first answer} when it had ended before, {-1, ''} when it is to be taken in first, because
--       another works on it, or its member is new, is asked something, has notices or says too much: then nothing else was done.
local now, entry, member, chat, logged = ARGV[1], ARGV[2], ARGV[5], ARGV[30], ARGV[31]
local id = logged == member and ARGV[3] or ''
local was = redis.call('HMGET', KEYS[1], 'answer', 'entry')
if was[1] then
  if entry ~= '' then
    redis.call('XACK', KEYS[2], 'bot', entry)
    redis.call('XDEL', KEYS[2], entry)
  end
  return {0, was[1]}
end
if entry == '' then
  if was[2] then return {-1, ''} end
  if member ~= '0' then
    if ARGV[18] ~= '0' and redis.call('HEXISTS', KEYS[7], member) == 0 then return {-1, ''} end
    local asked = redis.call('GET', KEYS[8])
    if asked and not (ARGV[18] == '2' and string.find(asked, '"by_number":true', 1, true)) then return {-1, ''} end
    if redis.call('EXISTS', KEYS[9]) > 0 then return {-1, ''} end
    local spoken = heard.look(KEYS[14], KEYS[15], member, tonumber(now), ARGV[27])
    if spoken and spoken.is_loud then return {-1, ''} end
    heard.keep(KEYS[14], KEYS[15], member, tonumber(now), spoken)
  end
  redis.call('XADD', KEYS[3], '*', 'v', '1', 't', now, 'kind', 'inbound', 'c', ARGV[4], 'm', logged, 'id', id, 'data', ARGV[17])
end
redis.call('HSET', KEYS[1], 'answer', ARGV[6], 'member', member)
if ARGV[#ARGV] ~= '' then redis.call('HSET', KEYS[1], 'about', ARGV[#ARGV]) end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
if ARGV[8] == '1' then redis.call('HSET', KEYS[7], member, now) end
if ARGV[9] == '-' then
  redis.call('DEL', KEYS[8])
elseif ARGV[9] ~= '' then
  redis.call('SET', KEYS[8], ARGV[9], 'PX', ARGV[10])
end
if ARGV[11] ~= '' then
  redis.call('RPUSH', KEYS[10], ARGV[11])
  redis.call('LTRIM', KEYS[10], -2000, -1)
end
if ARGV[12] ~= '' and redis.call('XLEN', KEYS[4]) < tonumber(ARGV[13]) then
  redis.call('XADD', KEYS[4], '*', 'j', ARGV[12])
end
if ARGV[29] ~= '' and redis.call('XLEN', KEYS[20]) < tonumber(ARGV[13]) then
  redis.call('XADD', KEYS[20], '*', 'j', ARGV[29])
end
local talked = {}
for offset, field in ipairs({'topic', 'told', 'asked'}) do
  if ARGV[21 + offset] ~= '' then
    talked[#talked + 1] = field
    talked[#talked + 1] = ARGV[21 + offset]
  end
end
if #talked > 0 then
  redis.call('HSET', KEYS[12], unpack(talked))
  redis.call('PEXPIRE', KEYS[12], ARGV[25])
end
if ARGV[28] ~= '' then
  local felt = cjson.decode(ARGV[28])
  mood.feel(KEYS[16], KEYS[17], KEYS[18], KEYS[19], tonumber(now), felt.day, ARGV[4], tonumber(member), felt)
end
local at = 33
for _ = 1, tonumber(ARGV[32]) do
  tally.count(KEYS[5], KEYS[21], ARGV[at], ARGV[at + 1])
  if chat ~= '' then tally.count(KEYS[26], KEYS[21], ARGV[at], ARGV[at + 1]) end
  at = at + 2
end
if ARGV[14] == '1' then
  if tally.mark(KEYS[6], member) and ARGV[26] ~= '' then redis.call('SADD', KEYS[13], ARGV[26]) end
  tally.mark(KEYS[34], member)
  if chat ~= '' then
    -- who left and speaks again on the same day has come back
    if tally.mark(KEYS[27], member) or redis.call('GETBIT', KEYS[31], member) == 0 then
      tally.come(KEYS[5], KEYS[21], KEYS[23], KEYS[24], KEYS[25], member, 'came')
      tally.come(KEYS[26], KEYS[21], KEYS[29], KEYS[30], KEYS[31], member, 'came')
      if redis.call('SETBIT', KEYS[37], member, 1) == 0 then tally.mark(KEYS[36], member) end
    end
    local since = tonumber(now) - tonumber(redis.call('GET', KEYS[33]) or '0')
    if since >= 0 and since < 3600000 then
      if tally.mark(KEYS[32], member) then tally.count(KEYS[26], KEYS[21], 'responded', 1) end
      if tally.mark(KEYS[38], member) then tally.count(KEYS[5], KEYS[21], 'responded', 1) end
    end
  end
end
if ARGV[15] == '1' then
  tally.mark(KEYS[22], member)
  tally.mark(KEYS[35], member)
  if chat ~= '' then tally.mark(KEYS[28], member) end
end
at = at + 1
for _ = 1, tonumber(ARGV[at - 1]) do
  redis.call('XADD', KEYS[3], '*', 'v', '1', 't', now, 'kind', ARGV[at], 'c', ARGV[4], 'm', logged, 'id', id, 'data', ARGV[at + 1])
  at = at + 2
end
at = at + 1
for _ = 1, tonumber(ARGV[at - 1]) do
  redis.call('LREM', KEYS[9], 1, ARGV[at])
  at = at + 1
end
local queues = #KEYS
if ARGV[19] ~= '' then
  queues = queues - 2
  redis.call('HSET', KEYS[queues + 1], 'text', ARGV[20], 'done', 0, 'born', now, 'member', member)
  redis.call('PEXPIRE', KEYS[queues + 1], ARGV[21])
  redis.call('XADD', KEYS[queues + 2], '*', 'w', ARGV[19])
  redis.call('PUBLISH', 'qb:bell:streams', ARGV[16])
end
for queue = 39, queues do
  redis.call('RPUSH', KEYS[queue], ARGV[at + 1])
  redis.call('ZADD', KEYS[11], 'NX', now, ARGV[at])
  at = at + 2
end
if queues > 38 then redis.call('PUBLISH', 'qb:bell', ARGV[16]) end
if entry ~= '' then
  redis.call('XACK', KEYS[2], 'bot', entry)
  redis.call('XDEL', KEYS[2], entry)
end
return {1, ARGV[6]}
