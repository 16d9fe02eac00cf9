-- uses: mood
-- Adds up messages that were scored behind their answers, in their order. Nobody is told of them.
-- KEYS 1 moods  2 line of moods  3 words of moods  4 alarms of moods
-- ARGV for each message: member, chat ('' a single chat), when (ms), its day, score 0..1, unhappy 0/1
-- Gives the number of messages.
for at = 1, #ARGV, 6 do
  local felt = {chat = ARGV[at + 1], score = tonumber(ARGV[at + 4]), low = tonumber(ARGV[at + 5]), words = {}, share = 0, least = 0}
  mood.feel(KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[at + 2]), ARGV[at + 3], '', tonumber(ARGV[at]), felt)
end
return #ARGV / 6
