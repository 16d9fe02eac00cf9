-- uses: tally, mood
-- Adds up messages that were scored behind their answers, in their order. Nobody is told of them.
-- KEYS 1 moods  2 line of moods  3 words of moods  4 alarms of moods  5 events  6 places  7… counters of a day, of which community's or group's ARGV says
-- ARGV 1 now_ms  2 community  3 number of counters that are raised; then for each felt, unhappy; number of events, then data (JSON) of each;
--      then for each message: member, chat ('' a single chat), when (ms), its day, score 0..1, unhappy 0/1
-- Gives the number of messages.
local at = 4
for n = 1, tonumber(ARGV[3]) do
  tally.count(KEYS[6 + n], KEYS[6], 'felt', ARGV[at])
  if ARGV[at + 1] ~= '0' then tally.count(KEYS[6 + n], KEYS[6], 'unhappy', ARGV[at + 1]) end
  at = at + 2
end
at = at + 1
for _ = 1, tonumber(ARGV[at - 1]) do
  redis.call('XADD', KEYS[5], '*', 'v', '1', 't', ARGV[1], 'kind', 'change', 'c', ARGV[2], 'm', '0', 'id', '', 'data', ARGV[at])
  at = at + 1
end
local first = at
for at = first, #ARGV, 6 do
  local felt = {chat = ARGV[at + 1], score = tonumber(ARGV[at + 4]), low = tonumber(ARGV[at + 5]), words = {}, share = 0, least = 0}
  mood.feel(KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[at + 2]), ARGV[at + 3], '', tonumber(ARGV[at]), felt)
end
return (#ARGV - first + 1) / 6
