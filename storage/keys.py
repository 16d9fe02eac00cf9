"""Every Redis key of the bot, with its type, its life and what it holds.

A key is built by calling its family: ``INBOX(shard=7) == "qb:{7}:inbox"``. The part in braces is the Cluster hash tag: all
keys that one Lua act touches share one tag, so the same code runs on a single server and on Cluster. ``docs/redis-keys.md`` is
made from this file.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

SHARDS = 16
"""How many shards a new installation gets; the number in force is fixed at first start (storage/schema.py)."""

FAMILIES: list[Family] = []


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of key: call it with the named parts of its pattern to get a key."""

    pattern: str
    type: str
    life: str
    holds: str

    def __call__(self, **parts: object) -> str:
        return self.pattern.format_map(parts)


def _family(pattern: str, type: str, life: str, holds: str) -> Family:
    family = Family(pattern, type, life, holds)
    FAMILIES.append(family)
    return family


def shard_of(name: str, shards: int = SHARDS) -> int:
    """The shard of a community id or, in single chats, of a sender: the same for ever, on every machine."""
    return zlib.crc32(name.encode()) % shards


# Whole installation -------------------------------------------------------------------------------------------------
SCHEMA = _family("qb:{{meta}}:schema", "hash", "for ever", "version of the data's layout, number of shards, first start")
GROUPS = _family("qb:{{meta}}:groups", "hash", "for ever", "chat id of an unlisted group → when it was first heard")
CONTENT_NEWEST = _family("qb:{{content}}:newest", "hash", "for ever", "kind of operators' content → number of the version in force")
CONTENT_ITEMS = _family("qb:{{content}}:{kind}:items", "hash", "for ever", "item id → place|text of what is in force")
CONTENT_HISTORY = _family(
    "qb:{{content}}:{kind}:history",
    "hash",
    "the newest 500",
    "version → JSON: author, time, note, n(umber of changes), name of its changes; place, oldest, kept",
)
CONTENT_CHANGES = _family(
    "qb:{{content}}:{kind}:changes:{change}", "hash", "as its version", "what a version changed: <id → item before, >id → item after"
)
CONTENT_STAGED = _family("qb:{{content}}:{kind}:staged:{change}", "hash", "1 h", "items of a large change while they are being written")
CONTENT_ONCE = _family("qb:{{content}}:{kind}:once:{id}", "string", "7 days", "the version that a change made, for its repeats")
CONTENT_V1_NEWEST = _family(
    "qb:{{content}}:versions", "hash", "until converted", "layout 1: kind of content → number of its newest version"
)
CONTENT_V1 = _family("qb:{{content}}:{kind}", "hash", "until converted", "layout 1: version → JSON of a whole text, its author and time")
TOKEN = _family("qb:{{token:{id}}}", "string", "as long as WeCom says", "an access token of WeCom")
ARCHIVE_MARK = _family(
    "qb:{{archive:{channel}}}:mark", "hash", "for ever", "how far a message archive was read: mark, and floor of what is remembered"
)
ARCHIVE_TAKEN = _family(
    "qb:{{archive:{channel}}}:taken", "zset", "the newest 2,000", "numbers of the archive's messages that were taken in"
)
LEASE = _family("qb:{{lease:{name}}}", "string", "seconds", "who holds a role that only one process may have")
LEASE_FENCE = _family("qb:{{lease:{name}}}:fence", "string", "for ever", "how often the role changed hands: the number of its holder")
REPLICATED = _family(
    "qb:{{{tag}}}:replicated", "string", "a minute", "written before waiting for replicas, which so have all that was done before"
)
LOG_LEVEL = _family("qb:{{meta}}:log-level", "string", "as long as was said", "level|until when (ms) all processes log so much")
PROCESSES = _family(
    "qb:{{meta}}:processes", "hash", "a day after their end", "name of a process → since|last sign of life (ms)|mark of its program"
)
LOG_FOLDER = _family("qb:{{meta}}:log_folder", "string", "for ever", "by which word one knows the folder of the log's files")
ROOM = _family("qb:{{meta}}:room", "hash", "60 days", "day → memory:bytes|disk:bytes in use, for the forecast of how long both last")
LINK_CALLS = _family("qb:{{link:{channel}}}:calls", "list", "10 s", "what the process that holds a long connection is asked to send: JSON")
LINK_ANSWER = _family("qb:{{link:{channel}}}:answer:{id}", "list", "30 s", "WeCom's answer to one such call: JSON")
LINK_SENT = _family(
    "qb:{{link:{channel}}}:sent:{id}", "string", "25 h", "a delivery given to a long connection: ? or WeCom's answer (JSON)"
)
LINK_ALIVE = _family("qb:{{link:{channel}}}:alive", "string", "for ever", "when a long connection was last known to be alive (ms)")
ARRIVALS = _family("qb:{{arrivals}}:{channel}:{day}", "hash", "36 days", "hour of the day (UTC) → callbacks that came through a channel")
ARRIVALS_FIRST = _family("qb:{{arrivals}}:first", "zset", "for ever", "channels by the hour since 1970 in which counting began")
ARRIVALS_LAST = _family("qb:{{arrivals}}:last", "zset", "for ever", "channels by their last arrival (ms)")
ARRIVALS_TOLD = _family("qb:{{arrivals}}:told", "hash", "until it ends", "silence or shut door that was alarmed about → since when (ms)")
BELL = "qb:bell"
"""A publish channel (no key): a shard's number is rung when something to send was put into its outbox."""
STREAM_BELL = "qb:bell:streams"
"""A publish channel (no key): a shard's number is rung when an answer in parts is to be made."""

# The directory: the only place where WeCom ids and names stand -------------------------------------------------------
MEMBER_IDS = _family("qb:{{people}}:ids", "hash", "until erased", "WeCom user id → member number")
MEMBER_USERS = _family("qb:{{people}}:users", "hash", "until erased", "member number → WeCom user id")
MEMBER_NAMES = _family("qb:{{people}}:names", "hash", "until erased", "member number → learned display name")
MEMBER_NAMED = _family(
    "qb:{{people}}:named", "zset", "until erased", "member number, its score 52 bits of a digest of his name: who has a name"
)
MEMBER_HOMES = _family("qb:{{people}}:homes", "hash", "until erased", "member number → community where last seen in a group")
MEMBER_CHOSEN = _family(
    "qb:{{people}}:chosen", "hash", "until taken back or erased", "member number → community that he chose for his single chat (切换社群)"
)
PEOPLE_ONCE = _family(
    "qb:{{people}}:once:{id}", "string", "7 days", "a choice of community that was noted, so that its repeat does nothing"
)
MEMBER_NEXT = _family("qb:{{people}}:next", "string", "for ever", "the last member number that was given out")
DIRECTORY_EPOCH = _family("qb:{{people}}:epoch", "string", "for ever", "raised by every erasure, so that processes drop what they cached")

ERASURES = _family("qb:{{people}}:erasures", "hash", "until it is done", "member number → when (ms) he asked to be forgotten")
COPY_TAKEN = _family("qb:{{people}}:copy:{member}", "string", "1 h", "the message for which a member got a copy of his data")
LEAVERS = _family("qb:{{people}}:left", "hash", "until back or erased", "mark (keyed digest) of a user who left → when (ms), |admin")
ROLES = _family(
    "qb:{{roles}}:granted", "hash", "until taken or erased", "member number|community (* all) → viewer, moderator, operator, admin"
)
ROLES_ONCE = _family("qb:{{roles}}:once:{id}", "string", "7 days", "a granting that was done, so that its repeat does nothing")
PAUSES = _family("qb:{{pauses}}:places", "hash", "until taken back", "community → what is stopped there: posts, or all (answers too)")
CRISES = _family("qb:{{pauses}}:crises", "hash", "until lifted", "community → since when (ms) it is in crisis, and hears no marketing")
PAUSES_ONCE = _family(
    "qb:{{pauses}}:once:{id}", "string", "7 days", "what was stopped before a 暂停 or 恢复 that was done, for its repeats"
)
CONSOLE_LOGIN = _family("qb:{{console}}:login:{digest}", "string", "5 min", "digest of a login code → member number|until when (ms)")
CONSOLE_SESSIONS = _family(
    "qb:{{console}}:of:{member}",
    "hash",
    "12 h",
    "digest of a member's console session → began|last seen (ms)|way in|browser|mark of his network; 30 minutes asleep end it",
)
CONSOLE_ACCOUNT = _family(
    "qb:{{console}}:account:{member}",
    "hash",
    "until removed, or the member has no role",
    "a login by password: digest of it, sealed secret of the code app, last code's number, digests of recovery codes, since when, last form",
)
CONSOLE_SEED = _family(
    "qb:{{console}}:seed:{member}", "string", "7 days", "a random word since his login was last ended: what the next one is made with"
)
API_TOKENS = _family(
    "qb:{{api}}:tokens", "hash", "until revoked", "digest of a token of the open interface → JSON: id, name, place, names, by, made, until"
)
API_USED = _family("qb:{{api}}:used", "hash", "as its token", "id of a token → the last day on which it was used")
API_ENDED = _family(
    "qb:{{api}}:ended",
    "hash",
    "until the token's end, 7 days at least",
    "digest of a token that was ended → when (ms) that may be forgotten",
)
TICKET_NUMBERS = _family("qb:{{tickets}}:numbers", "hash", "for ever", "ticket number → its community")
WEBHOOKS = _family(
    "qb:{{webhooks}}:keys", "hash", "for ever", "community|chat → digest|sealed key of a webhook that was put in while the bot runs"
)
WEBHOOKS_REFUSED = _family("qb:{{webhooks}}:refused", "set", "for ever", "digests of webhook keys that were replaced: never used again")
WEBHOOKS_ONCE = _family("qb:{{webhooks}}:once:{id}", "string", "7 days", "what a change of a webhook did: its repeat does nothing more")

# One shard: the life of its messages ---------------------------------------------------------------------------------
INBOX = _family("qb:{{{shard}}}:inbox", "stream", "until finished", "accepted messages that are not finished; group bot")
INBOX_DEAD = _family(
    "qb:{{{shard}}}:inbox:dead", "list", "retention.evidence_days", "messages that failed five times: JSON with the reason"
)
MESSAGE = _family(
    "qb:{{{shard}}}:msg:{id}",
    "hash",
    "until finished, then retention.answers_hours",
    "state of a message: since, entry, member, not_before; once finished its answer, and whom that names",
)
EVENTS = _family(
    "qb:{{{shard}}}:events", "stream", "retention.events_days", "everything that happened: v, t, kind, c(ommunity), m(ember), id, data"
)
JOBS = _family(
    "qb:{{{shard}}}:jobs", "stream", "until done", "background work of the shard; group bot; holds a text until its mood is known"
)
PICTURES = _family(
    "qb:{{{shard}}}:pictures", "stream", "until done", "messages whose pictures are to be looked at for QR codes; group bot; holds no text"
)
STREAM = _family("qb:{{{shard}}}:stream:{id}", "hash", "1 h", "an answer in parts: text so far, done 0/1, born (ms), member")
STREAM_WORK = _family(
    "qb:{{{shard}}}:streams", "stream", "until done", "answers in parts that are being made; group bot; holds the question"
)
FIRSTS = _family(
    "qb:{{{shard}}}:firsts", "set", "until awarded", "community|member number|day of a member's first message of a day that earns points"
)
TICKET_STEPS = _family(
    "qb:{{{shard}}}:ticket_steps", "zset", "until answered", "community|ticket number → when its clock's next step is due (ms)"
)
WAITING = _family(
    "qb:{{{shard}}}:waiting:{chat}:{member}",
    "string",
    "10 min, of a questionnaire or flow 24 h at most",
    "the latest question to a member that a bare number answers",
)
TALK = _family(
    "qb:{{{shard}}}:talk:{chat}:{member}",
    "hash",
    "10 min",
    "topic: when (ms)|id of the last answer; told: when he was told that nobody knows; asked: when (ms)|what he asked last",
)
SPOKE = _family(
    "qb:{{{shard}}}:spoke:{chat}:{member}",
    "string",
    "10 min",
    "until when (ms) a flooder goes unanswered, '' not at all|when the member spoke within the last minute (ms), at most 200 times",
)
SAME = _family(
    "qb:{{{shard}}}:same:{chat}:{digest}",
    "hash",
    "10 min",
    "member number → when he first said a text in a group (ms)|how often since|when last (ms); at most 101",
)
DOUBTFUL = _family(
    "qb:{{{shard}}}:doubtful:{chat}", "zset", "10 min", "members of a group whose very first words were doubtful, by when (ms)"
)
NOTICES = _family("qb:{{{shard}}}:notices:{member}", "list", "30 days", "private words kept for a member's next single chat")
COUNTS = _family("qb:{{{shard}}}:{community}:counts:{day}", "hash", "400 days", "counters of one day, summed over shards when read")
ACTIVE = _family(
    "qb:{{{shard}}}:{community}:active:{day}", "bitmap", "400 days", "bit n: member n spoke that day; joined over shards when read"
)
MARKS = _family(
    "qb:{{{shard}}}:{community}:mark:{mark}:{day}",
    "bitmap",
    "400 days",
    "bit n: member n took part (part), came for the first time (new) or spoke soon after a push (responded) that day",
)
EVER = _family("qb:{{{shard}}}:{community}:ever", "bitmap", "until erased", "bit n: member n ever spoke in or joined a group here")
HERE = _family("qb:{{{shard}}}:{community}:here", "bitmap", "until erased", "bit n: member n came and did not go")
PUSHED = _family("qb:{{{shard}}}:{community}:pushed", "string", "1 h", "when the newest planned push came to a group (ms)")
PLACES = _family(
    "qb:{{{shard}}}:places", "hash", "for ever", "place of which this shard has counters → its first day; a group is community/chat"
)
BOOK = _family(
    "qb:{{{shard}}}:{community}:book", "hash", "for ever", "day → its figures, once it is over (JSON); closed → the last such day"
)
UNANSWERED = _family(
    "qb:{{{shard}}}:{community}:unanswered", "list", "retention.unanswered_days", "questions without an answer, without their sender"
)
UNANSWERED_IGNORED = _family(
    "qb:{{{shard}}}:{community}:unanswered:ignored",
    "zset",
    "retention.unanswered_days",
    "questions nobody wants to answer, by the time they were ignored (ms)",
)
PROPOSALS = _family(
    "qb:{{{shard}}}:{community}:proposals",
    "hash",
    "retention.unanswered_days",
    "number → JSON of a question with an answer at hand that waits for an operator",
)
PROPOSALS_NEXT = _family("qb:{{{shard}}}:{community}:proposals:next", "string", "for ever", "the last number given to a proposal")
FEEDBACK = _family(
    "qb:{{{shard}}}:{community}:feedback", "hash", "for ever", "useful|entry and useless|entry → how often its answers were judged so"
)
LISTING = _family(
    "qb:{{{shard}}}:{community}:listing:{name}:{member}",
    "string",
    "1 h",
    "what stood at each number of the last list shown to an operator; for member 0: questions that were listed as one group",
)

# One community: its state, in the shard of the community -------------------------------------------------------------
MEMBERS = _family(
    "qb:{{{shard}}}:{community}:members", "hash", "until erased", "member number → first seen (ms), or new:<message id> until welcomed"
)
ONCE = _family(
    "qb:{{{shard}}}:{community}:once:{id}", "string", "7 days, of words that are kept 30", "the first result of an act, for its repeats"
)
BALANCES = _family(
    "qb:{{{shard}}}:{community}:points:balances",
    "hash",
    "for ever",
    "account → points; members by number, treasury, shop, events, expiry; sums to 0",
)
LEDGER_V2 = _family(
    "qb:{{{shard}}}:{community}:points:ledger",
    "stream",
    "until converted",
    "layout 2: double-entry rows: t, from, to, n, reason, actor, once",
)
LEDGER_ROWS = _family(
    "qb:{{{shard}}}:{community}:points:rows:{member}",
    "list",
    "for ever",
    "a member's side of the ledger: t (s)|n|other account, '' treasury|reason|actor, '' himself|8 of the digest of the act's name|note",
)
CHECK_INS = _family(
    "qb:{{{shard}}}:{community}:check_ins",
    "hash",
    "until erased",
    "member number → last day|streak|longest|total|cards|month:made up:by right|digest|first result of that day; days are ordinals",
)
MADE_UP = _family(
    "qb:{{{shard}}}:{community}:check_ins:made_up", "hash", "until erased", "member number → days that he made up for (ordinals): day,day"
)
CHECK_IN_DAYS = _family(
    "qb:{{{shard}}}:{community}:check_ins:days:{member}", "bitmap", "until erased", "bit n: the member checked in n days after 2024-01-01"
)
AUDIT = _family(
    "qb:{{{shard}}}:{community}:audit",
    "stream",
    "retention.audit_days",
    "what those with a role did: t, actor, act, subject, before, after; ~all is the whole installation",
)
CASES = _family("qb:{{{shard}}}:{community}:cases", "hash", "for ever", "case number → JSON as filed, never changed")
CASES_STATE = _family(
    "qb:{{{shard}}}:{community}:cases:state",
    "hash",
    "for ever",
    "case number → state|decided by|when|revision|handed to|weight of reports|merged into|messages added|notes of reporters",
)
CASES_OPEN = _family(
    "qb:{{{shard}}}:{community}:cases:open",
    "zset",
    "until decided",
    "case numbers by when they were filed (ms), earlier for what weighs more",
)
CASES_TOLD = _family(
    "qb:{{{shard}}}:{community}:cases:told",
    "hash",
    "for ever",
    "case number → what happened to it: JSON lines of act, by, t, before, after, why",
)
CASES_LAST = _family(
    "qb:{{{shard}}}:{community}:cases:last",
    "hash",
    "until erased",
    "member number → his newest case|time|how it was filed; warned:member → so of his newest warning",
)
CASES_TEXTS = _family(
    "qb:{{{shard}}}:{community}:cases:texts", "hash", "for ever", "keyed digest of a text, or member:digest → case|time|how it was filed"
)
CASES_COUNTS = _family(
    "qb:{{{shard}}}:{community}:cases:counts",
    "hash",
    "for ever",
    "agreed or overturned|judge, category, verdict and score or rule → cases; by|moderator|decision → decisions",
)
CASES_LOG_V4 = _family("qb:{{{shard}}}:{community}:cases:log", "list", "until converted", "layout 4: what happened to cases, as JSON")
EVIDENCE = _family(
    "qb:{{{shard}}}:{community}:cases:evidence",
    "hash",
    "retention.evidence_days",
    "case number, with .n for more that was said, .rn for more reports or .an for an appeal → time|sealed text",
)
WARNINGS = _family(
    "qb:{{{shard}}}:{community}:warnings:{member}", "zset", "until erased", "case numbers that count against a member, by time (ms)"
)
STRIKES_V4 = _family(
    "qb:{{{shard}}}:{community}:strikes:{member}", "list", "until converted", "layout 4: case numbers that counted against a member"
)
REPORTS = _family("qb:{{{shard}}}:{community}:reports", "hash", "for ever", "case number → its reporters: member:weight of his report, …")
REPORTS_OF = _family(
    "qb:{{{shard}}}:{community}:reports:of:{member}", "hash", "until erased", "case number that the member reported → about whom|time"
)
REPORTERS = _family("qb:{{{shard}}}:{community}:reports:records", "hash", "until erased", "member number → reports accepted|refused")
REPORTS_DAY = _family(
    "qb:{{{shard}}}:{community}:reports:day:{day}", "hash", "2 days", "member number, or member:reported → reports of that day"
)
APPEALS = _family(
    "qb:{{{shard}}}:{community}:appeals",
    "hash",
    "for ever",
    "case number → its newest appeal, JSON: member, revision, t, state, by, at, why",
)
APPEALS_OPEN = _family("qb:{{{shard}}}:{community}:appeals:open", "zset", "until decided", "case numbers whose appeal waits, by time (ms)")
APPEALS_WEEK = _family("qb:{{{shard}}}:{community}:appeals:week:{week}", "hash", "15 days", "member number → appeals of that week")
TRIAL = _family(
    "qb:{{{shard}}}:{community}:trial",
    "hash",
    "for ever",
    "trial run of moderation: since (ms), warn and review → how many messages would have been, told 1: its end was, once → id of what began it anew",
)
TRIAL_ROWS = _family(
    "qb:{{{shard}}}:{community}:trial:rows",
    "hash",
    "retention.evidence_days",
    "message id → JSON of what a trial would have done: t, m(ember), o(utcome), c(ategory), n 1: a newcomer, sealed text",
)
TICKETS = _family(
    "qb:{{{shard}}}:{community}:tickets", "hash", "for ever", "ticket number → JSON: member, state, chat, asked, since, due, taker, steps…"
)
TICKET_TEXTS = _family(
    "qb:{{{shard}}}:{community}:tickets:texts", "hash", "retention.tickets_days", "ticket number → time|JSON of what both sides said"
)
TICKETS_OPEN = _family("qb:{{{shard}}}:{community}:tickets:open", "zset", "until answered", "ticket numbers by when an answer is due (ms)")
TICKETS_OF = _family("qb:{{{shard}}}:{community}:tickets:of", "hash", "until erased", "member number → his newest ticket")
TICKETS_TODAY = _family("qb:{{{shard}}}:{community}:tickets:today:{day}", "hash", "3 days", "member number → tickets opened that day")
TICKET_TIMES = _family(
    "qb:{{{shard}}}:{community}:tickets:times", "list", "newest 1,000", "when a ticket was first answered|after how long (ms)"
)
MOOD = _family("qb:{{{shard}}}:{community}:mood", "hash", "for ever", "group, c<chat> or m<member> → weighted mean|number of messages")
MOOD_LINE = _family(
    "qb:{{{shard}}}:{community}:mood:line",
    "hash",
    "the newest 400 days",
    "h<hour of the day> and day → messages|unhappy ones|…; alarm → since|calm since (ms): see lua/parts/mood.lua",
)
MOOD_WORDS = _family(
    "qb:{{{shard}}}:{community}:mood:words:{day}",
    "hash",
    "2 days",
    "-word, +word → unhappy messages, others in which it was said|sixteenths of the members",
)
MOOD_BELLS = _family("qb:{{{shard}}}:mood_bells", "zset", "until told", "communities whose mood fell, by when (ms)")
LIGHTS = _family(
    "qb:{{{shard}}}:{community}:lights", "hash", "for ever",
    "the last look at how well it is: its serial and moment (ms), the lights (JSON), told:<trouble> → when it was told (ms)",
)  # fmt: skip
TRAIT_SEATS = _family(
    "qb:{{{shard}}}:{community}:traits:seats:{bucket}",
    "hash",
    "for ever",
    "member number % 128 → his seat (-1 erased), for 128 members a bucket",
)
TRAIT_SEATS_NEXT = _family("qb:{{{shard}}}:{community}:traits:seats_next", "string", "for ever", "the next seat that is given")
TRAIT_COLUMN = _family(
    "qb:{{{shard}}}:{community}:trait_{column}:{block}",
    "string",
    "until erased",
    "one trait of 65,536 members by their seats, packed: number, level, points, days of what they did … (storage/traits.py)",
)
TRAIT_ROUND = _family(
    "qb:{{{shard}}}:{community}:traits:round", "string", "for ever", "layout/day of the last look at everybody|how far it is, nothing: over"
)
FOLLOWED = _family(
    "qb:{{{shard}}}:followed",
    "hash",
    "for ever",
    "who reads the event log → how far: entry|when he last looked (ms); who# → number of his lease",
)
EXPERIMENTS = _family(
    "qb:{{{shard}}}:{community}:experiments",
    "hash",
    "for ever",
    "push|experiment → what is tried with a push, as planned, and how it ended (JSON)",
)
EXPERIMENT_WINNERS = _family(
    "qb:{{{shard}}}:{community}:experiment:winners", "hash", "until taken back", "push → experiment|the arm that everybody gets since"
)
EXPERIMENT_OPEN = _family(
    "qb:{{{shard}}}:{community}:experiment:open", "hash", "3 days after a unit's hours",
    "m:member or g:group → the experiments whose hours run for it: arm, since, until, who of it did it (JSON); ?unit → what it did a moment ago; rev",
)  # fmt: skip
EXPERIMENT_CLOSING = _family(
    "qb:{{{shard}}}:{community}:experiment:closing", "zset", "as its unit", "m:member or g:group → when its hours are over (ms)"
)
EXPERIMENT_DAYS = _family(
    "qb:{{{shard}}}:{community}:experiment:days:{push}:{mark}",
    "hash",
    "for ever",
    "u(nits), h(its), p(eople) or s(quares)|day|arm → how many",
)
EXPERIMENT_MEMBERS = _family(
    "qb:{{{shard}}}:{community}:experiment:members:{push}:{mark}", "string", "for ever", "a bit for each member that an experiment reached"
)
EXPERIMENT_CHATS = _family(
    "qb:{{{shard}}}:{community}:experiment:chats:{push}:{mark}", "set", "for ever", "chat ids of the groups that an experiment reached"
)
FIRED = _family(
    "qb:{{{shard}}}:{community}:fired:{push}:{planned}", "string", "40 days", "a firing that was claimed, by its planned minute"
)
FIRED_LAST = _family("qb:{{{shard}}}:{community}:fired:last", "hash", "for ever", "push id → last claimed planned time (ms)")
RECEIPTS = _family(
    "qb:{{{shard}}}:{community}:receipts:{month}", "hash", "400 days",
    "day|push id → what became of its moments: how many, its title, the newest [planned ms, settled ms, why nothing was said]",
)  # fmt: skip
MAILING = _family(
    "qb:{{{shard}}}:{community}:mailing:{name}", "hash", "400 days",
    "one planned moment of a push (push@planned ms): how many it is for, queued, sent (twice: perhaps so), failed, skip:why → how many (back: of the queued "
    "ones), its state, how far it is, why it was given up",
)  # fmt: skip
MAILING_GOT = _family(
    "qb:{{{shard}}}:{community}:mailing_got:{name}",
    "zset",
    "90 days",
    "whom a mailing arrived at: member number or chat → member number or 0",
)
MAILINGS = _family("qb:{{{shard}}}:{community}:mailings", "zset", "400 days", "name of each mailing → its planned moment (ms)")
MAILINGS_DUE = _family("qb:{{{shard}}}:mailings:due", "zset", "until it is through", "community|name of a mailing → when it goes on (ms)")
MAILINGS_STOPPED = _family(
    "qb:{{{shard}}}:mailings:stopped", "hash", "400 days after the last",
    "community|name of a mailing that was stopped → how many were taken back from the queues",
)  # fmt: skip
MAILING_READERS = _family(
    "qb:{{{shard}}}:readers:{push}:{moment}", "hash", "8 days",
    "of a push to the members of all communities at a moment of the wall clock: member number → community that speaks to him",
)  # fmt: skip
PUSH_COUNTS = _family(
    "qb:{{{shard}}}:{community}:push_counts:{day}", "hash", "100 days", "m:member or g:chat, |, kind → pushes of a day (2026-12-01)"
)
OPTED_OUT = _family(
    "qb:{{{shard}}}:{community}:opted_out", "hash", "until taken back", "member number → all or marketing: what he wants no more of"
)
OPTED_ONCE = _family("qb:{{{shard}}}:{community}:opted_once:{id}", "string", "7 days", "what a wish took the place of, for its repeats")

# The ledger ---
LOTS = _family(
    "qb:{{{shard}}}:{community}:points:lots",
    "hash",
    "for ever",
    "member number → his points that lapse, by their last day (ordinal): day:n,day:n",
)
EXPIRING = _family(
    "qb:{{{shard}}}:{community}:points:expiring", "zset", "for ever", "member number → last day (ordinal) of his points that lapse first"
)
BOARD_ALL = _family(
    "qb:{{{shard}}}:{community}:board:all", "zset", "for ever", "member number → points earned in all time: what levels go by"
)
BOARD_MONTH = _family(
    "qb:{{{shard}}}:{community}:board:month:{month}", "zset", "70 days", "member number → points earned in a month: 2026-11"
)
BOARD_WEEK = _family("qb:{{{shard}}}:{community}:board:week:{week}", "zset", "16 days", "member number → points earned in a week: 2026-W47")
BOARD_DAY = _family("qb:{{{shard}}}:{community}:board:day:{day}", "zset", "3 days", "member number → points earned on a day")
POINT_CAPS = _family(
    "qb:{{{shard}}}:{community}:points:caps:{day}", "hash", "2 days", "member:reason and member → points that count against the day's caps"
)
POINTS_DONE = _family(
    "qb:{{{shard}}}:{community}:points:done:{week}", "hash", "8 days", "digest of an act's name → its first result, for its repeats"
)
POINTS_WARNED = _family(
    "qb:{{{shard}}}:{community}:points:warned", "string", "for ever", "the last day (ordinal) of points that members were told of in time"
)

# Shop and orders ---
SHOP_STOCK = _family("qb:{{{shard}}}:{community}:shop:stock", "hash", "for ever", "item id → how many are left")
SHOP_CODES = _family(
    "qb:{{{shard}}}:{community}:shop:codes:{item}", "list", "until given out", "sealed codes of an item, the next one first"
)
SHOP_CODES_SEEN = _family("qb:{{{shard}}}:{community}:shop:seen", "set", "for ever", "keyed digests of all codes that were ever put in")
SHOP_HAD = _family(
    "qb:{{{shard}}}:{community}:shop:had", "hash", "until erased", "member:item → how many he has had, without what went back"
)
SHOP_HAD_TODAY = _family(
    "qb:{{{shard}}}:{community}:shop:had:{day}",
    "hash",
    "3 days",
    "member:item and item → how many were had on a day, without what went back",
)
ORDERS = _family(
    "qb:{{{shard}}}:{community}:orders",
    "hash",
    "for ever",
    "order number → JSON: member, item, name, kind, price, state, at, day, lots, ended…",
)
ORDER_CODES = _family(
    "qb:{{{shard}}}:{community}:orders:codes", "hash", "until erased", "order number → the sealed code that was given out"
)
ORDERS_WAITING = _family(
    "qb:{{{shard}}}:{community}:orders:waiting", "zset", "until settled", "orders to be handed over, by their time (ms)"
)
ORDERS_OF = _family("qb:{{{shard}}}:{community}:orders:of:{member}", "list", "until erased", "a member's order numbers, oldest first")
ORDER_STEPS = _family(
    "qb:{{{shard}}}:order_steps", "zset", "until settled", "community|order number → when it is recalled or given back (ms)"
)

# Honours ---
BADGES = _family(
    "qb:{{{shard}}}:{community}:badges",
    "hash",
    "until erased",
    "member number → badge:day (ordinal), comma separated; -badge was taken, ^level was told of",
)
HONOUR_COUNTS = _family("qb:{{{shard}}}:{community}:honours", "hash", "until erased", "member:thanks and member:featured → how often")
CROWNED = _family(
    "qb:{{{shard}}}:{community}:crowned",
    "hash",
    "for ever",
    "month (month:influence) → its winners: member,points,…; the same with :told → when announced (ms)",
)

EDGES = _family(
    "qb:{{{shard}}}:{community}:edges",
    "hash",
    "until faded",
    "giver>taker → weight|day (ordinal) on which it weighs so|newest entry of the log",
)
INFLUENCE = _family(
    "qb:{{{shard}}}:{community}:influence", "zset", "until the next night", "the most influential members by how much they are heard"
)
MEMBER_MODELS = _family(
    "qb:{{{shard}}}:{community}:models",
    "hash",
    "for ever",
    "night: the last day for which churn and influence were worked out; found: what came of it (JSON)",
)

# Tags ---
TAGS_OF = _family("qb:{{{shard}}}:{community}:tags:of", "hash", "until erased", "member number → his tags, comma separated")
TAGS = _family("qb:{{{shard}}}:{community}:tags", "hash", "while used", "tag → how many members have it")
TAGGED = _family("qb:{{{shard}}}:{community}:tagged:{tag}", "zset", "while used", "members with a tag by when they got it (ms)")

# Notes ---
NOTES = _family(
    "qb:{{{shard}}}:{community}:notes:{member}",
    "hash",
    "until removed or erased",
    "number → JSON of a note of the staff about a member: by, t, text; last: the last number that was given out",
)

# Challenges ---
CHALLENGE_RUNS = _family(
    "qb:{{{shard}}}:{community}:challenges",
    "hash",
    "until erased",
    "challenge|member number → first day (ordinal)|on, done, failed, left|days done: 1011…|how often finished|digest|its result; ~|member → how many",
)
CHALLENGE_PROOFS = _family(
    "qb:{{{shard}}}:{community}:challenges:proofs",
    "hash",
    "retention.proofs_days",
    "challenge|member number → when (ms)|the text that he showed last, or [图片]",
)

# Submissions: replies to topics, the tree hole, works ---
SUBMISSIONS = _family(
    "qb:{{{shard}}}:{community}:submissions",
    "hash",
    "retention.activities_days; featured ones until erased",
    "number → JSON: activity, kind, author (0: nobody is named), text, pictures, t, doubt, parent, mark and salt of one without a name",
)
SUBMISSION_STATES = _family(
    "qb:{{{shard}}}:{community}:submissions:states",
    "hash",
    "as the submission",
    "number → state|likes|reviewer (member number)|when (ms)|what was counted: a, af|why",
)
SUBMISSION_NEXT = _family("qb:{{{shard}}}:{community}:submissions:next", "string", "for ever", "the last submission number given out")
SUBMISSIONS_WAITING = _family(
    "qb:{{{shard}}}:{community}:submissions:waiting", "zset", "until reviewed", "numbers that wait to be reviewed, in their order"
)
SUBMISSIONS_IN = _family(
    "qb:{{{shard}}}:{community}:submissions:in:{activity}", "list", "as the submissions", "all numbers of an activity, oldest first"
)
SUBMISSIONS_SHOWN = _family(
    "qb:{{{shard}}}:{community}:submissions:shown:{activity}",
    "zset",
    "as the submissions",
    "numbers of an activity that others see, by likes and age: likes · 10⁹ − number",
)
SUBMISSIONS_OF = _family(
    "qb:{{{shard}}}:{community}:submissions:of:{member}", "list", "until erased", "a member's numbers, oldest first; never of the tree hole"
)
SUBMISSIONS_FEATURED = _family(
    "qb:{{{shard}}}:{community}:submissions:featured", "zset", "until erased", "numbers of featured works by when (ms)"
)
SUBMISSION_COUNTS = _family(
    "qb:{{{shard}}}:{community}:submissions:counts",
    "hash",
    "until erased",
    "activity|member → how many he handed in; member:approved, member:featured → works; activity:member → works approved in it",
)
SUBMISSION_DAY = _family(
    "qb:{{{shard}}}:{community}:submissions:day:{day}",
    "hash",
    "2 days",
    "member number, or of the tree hole a keyed digest of member and day → how many he handed in",
)
SUBMISSION_LIKES = _family(
    "qb:{{{shard}}}:{community}:submissions:likes:{number}", "hash", "as the submission", "member number who likes it → digest of the act"
)

# Activities ---
ACTIVITIES = _family("qb:{{{shard}}}:{community}:activities", "zset", "for ever", "number of an activity → when it was made (ms)")
ACTIVITIES_RUNNING = _family(
    "qb:{{{shard}}}:{community}:activities:running", "zset", "until it ends", "numbers of the activities that are scheduled or open"
)
ACTIVITIES_ENDED = _family(
    "qb:{{{shard}}}:{community}:activities:ended",
    "zset",
    "retention.activities_days",
    "number of an ended activity whose entries are still kept → when it ended (ms)",
)
ACTIVITY = _family(
    "qb:{{{shard}}}:{community}:activity:{number}",
    "hash",
    "for ever",
    "fields of an activity: kind, title, state, revision, times (ms), cost, award, most, entries, seq; JSON of conditions, spec, live, result",
)
ACTIVITY_ENTRIES = _family(
    "qb:{{{shard}}}:{community}:activity:{number}:entries",
    "hash",
    "retention.activities_days",
    "member number → JSON of what he put in: p his pieces by part (s number, t when, v value, n score, o place, c counters, g team, d paid, l lots), "
    "a his award",
)
ACTIVITY_ORDER = _family(
    "qb:{{{shard}}}:{community}:activity:{number}:order", "zset", "retention.activities_days", "member number → his number by arrival"
)
ACTIVITY_COUNTS = _family(
    "qb:{{{shard}}}:{community}:activity:{number}:counts",
    "hash",
    "retention.activities_days",
    "tally|name → entries that count for it; team|name → its score; race|name → how many have arrived",
)
ACTIVITY_SCORES = _family(
    "qb:{{{shard}}}:{community}:activity:{number}:scores",
    "zset",
    "retention.activities_days",
    "member number → score × 2^24, and below it the smaller the later he reached it",
)
ACTIVITY_AWARDS = _family(
    "qb:{{{shard}}}:{community}:activity:{number}:awards", "list", "until paid", "member|points|note of what is not paid yet"
)
ACTIVITY_BELLS = _family(
    "qb:{{{shard}}}:activity_bells", "zset", "until it ends", "community|number of an activity → when its clock rings next (ms)"
)

# Invitations ---
INVITE_CODES = _family("qb:{{invites}}:codes", "hash", "until erased", "invitation code → community|member number")
INVITE_CODE_OF = _family("qb:{{invites}}:of", "hash", "until erased", "community|member number → his invitation code")
INVITE_ERASED = _family(
    "qb:{{invites}}:erased:{mark}", "string", "400 days", "the mark (a keyed digest) of an erased person who had been in a community"
)
INVITATIONS = _family(
    "qb:{{{shard}}}:{community}:invites",
    "hash",
    "until erased",
    "member number of a newcomer (below 0: one who was erased) → JSON: by, how, at, due, state, why, ended, n(umber of points), what is still to be told",
)
INVITED_BY = _family(
    "qb:{{{shard}}}:{community}:invites:by:{member}", "zset", "until erased", "newcomers that a member invited, by when that was noted (ms)"
)
INVITES_HELD = _family(
    "qb:{{{shard}}}:{community}:invites:held", "zset", "until decided", "newcomers whose invitation somebody is to look at, by its number"
)
INVITERS = _family(
    "qb:{{{shard}}}:{community}:invites:inviters",
    "hash",
    "until erased",
    "member number → JSON: credited, reversed, owed (below 0: a debt), tiers; # → the last number given for review, #number → its newcomer, "
    "#erased → the last number below 0",
)
INVITE_BOARD = _family("qb:{{{shard}}}:{community}:invites:board", "zset", "until erased", "member number → newcomers of his who stayed")
INVITE_ARRIVED = _family(
    "qb:{{{shard}}}:{community}:invites:arrived",
    "hash",
    "until erased",
    "member number → first joined by a roster (s)|when he was first seen to be gone for long (s, 0 never)",
)
INVITE_STEPS = _family(
    "qb:{{{shard}}}:invite_steps", "zset", "until it ends", "community|newcomer, or community|pay:inviter → when it is looked at (ms)"
)

# Arriving with a history ---
OPENINGS = _family(
    "qb:{{{shard}}}:{community}:openings",
    "hash",
    "until erased",
    "member number → what was booked of what he brought: points|earned ('' as many)|cards|earned that his level wants|raised for it"
    "|digest of when they lapse|last check-in (ordinal)|streak|longest|total",
)

# Flows and welcomes ---
FLOWS_OF = _family(
    "qb:{{{shard}}}:{community}:flows:of:{member}",
    "hash",
    "until erased",
    "flow → revision|JSON of where a member stands in it: status, step, answers, what is still to be done",
)
FLOWS_TOLD = _family(
    "qb:{{{shard}}}:{community}:flows:told:{member}:{id}",
    "string",
    "retention.answers_hours",
    "what an act of a member's flows said, for its repeats",
)
FLOWS_DONE = _family(
    "qb:{{{shard}}}:{community}:flows:done:{week}", "hash", "8 days", "digest of an act's name → which step it made, for later repeats"
)
FLOW_DEFINITIONS = _family(
    "qb:{{{shard}}}:{community}:flows:definitions",
    "hash",
    "while somebody is in it",
    "digest → JSON of a version of a flow; digest# → how many hold on to it",
)
FLOW_FUNNEL = _family(
    "qb:{{{shard}}}:{community}:flows:funnel:{flow}:{day}", "hash", "400 days", "step → how many of those who began that day reached it"
)
FLOW_STEPS = _family("qb:{{{shard}}}:flow_steps", "zset", "until it ends", "community|member|flow → when its clock next rings (ms)")
WELCOMED = _family("qb:{{{shard}}}:{community}:welcomed", "bitmap", "until erased", "bit n: member n was welcomed")
WELCOMES = _family(
    "qb:{{{shard}}}:{community}:welcomes:{chat}",
    "hash",
    "45 s",
    "member number of a newcomer who waits to be welcomed → when he was seen (ms)",
)
WELCOMES_DUE = _family("qb:{{{shard}}}:welcomes_due", "zset", "45 s", "community|chat → when its newcomers are welcomed (ms)")

# Customer groups (客户群), and what is asked of WeCom without anybody waiting for it ---------------------------------------
ERRANDS = _family("qb:{{{shard}}}:errands", "zset", "until done", "errand → when it may next be tried (ms)")
ERRAND = _family(
    "qb:{{{shard}}}:errand:{id}",
    "hash",
    "until done",
    "kind, channel, community, subject and facts of an errand; its hints, tries and fence",
)
CUSTOMER_GROUPS = _family("qb:{{{shard}}}:customers", "hash", "until dismissed", "chat id of a customer group → JSON: community, channel")
CUSTOMER_GROUP = _family(
    "qb:{{{shard}}}:{community}:customers:{chat}",
    "hash",
    "for ever",
    "serial, version, past versions, owner (number), name, notice (digest), read (ms), closed",
)
CUSTOMER_SEATS = _family(
    "qb:{{{shard}}}:{community}:customers:{chat}:seats",
    "hash",
    "until he leaves",
    "member number → kind (1 employee, 2 customer)|joined (s)",
)
MASS = _family(
    "qb:{{{shard}}}:{community}:mass",
    "hash",
    "for ever",
    "number → JSON of a mass message that was started; number:reminded → when (ms); last → last number",
)
MASS_BUDGET = _family("qb:{{{shard}}}:{community}:mass:budget", "hash", "for ever", "month|chat id → mass messages started for that group")

# Outgoing ---------------------------------------------------------------------------------------------------------------
OUTBOX = _family("qb:{{{shard}}}:out:{lane}:{target}", "list", "until sent", "deliveries of one lane to one target, oldest first: JSON")
OUTBOX_DUE = _family("qb:{{{shard}}}:due", "zset", "until sent", "lane:target → when the head of that queue may next be tried (ms)")
OUTBOX_LEASES = _family("qb:{{{shard}}}:leases", "hash", "until settled", "lane:target → owner#number#losses of its lease; # → last number")
OUTBOX_DEAD = _family(
    "qb:{{{shard}}}:dead", "hash", "retention.evidence_days", "delivery id → JSON of a delivery that was given up, and why"
)
OUTBOX_SETTLED = _family(
    "qb:{{{shard}}}:settled:{id}",
    "string",
    "7 days",
    "community|reason of a dead letter that an admin replayed or dropped, by the act's name",
)
OUTBOX_ONCE = _family(
    "qb:{{{shard}}}:queued:{id}", "string", "7 days", "a delivery id that was put into the outbox, so that it is not again"
)
LIMIT_LOG = _family("qb:{{limit:{name}}}:sent", "list", "longest period", "times (ms) of the last sends to one target, oldest first")
LIMIT_PAUSE = _family("qb:{{limit:{name}}}:pause", "string", "until it ends", "until when (ms) one target is left alone")
LIMIT_TROUBLE = _family(
    "qb:{{limit:{name}}}:trouble",
    "hash",
    "until it answers",
    "failures in a row of a target or of a whole host: fails, opened, open_until, trial, since",
)
TOKEN_LOCK = _family("qb:{{token:{id}}}:lock", "string", "20 s", "who fetches a new token for a secret right now")
TOKEN_REFUSED = _family("qb:{{token:{id}}}:refused", "string", "60 s", "errcode and text with which WeCom refused a secret")
MEDIA = _family("qb:{{media:{scope}:{digest}}}", "string", "71 h", "the media id of an uploaded file, and until when it holds (ms)")
MEDIA_LOCK = _family("qb:{{media:{scope}:{digest}}}:lock", "string", "90 s", "who uploads a file right now")
APP_CHATS = _family("qb:{{appchats}}:{channel}", "hash", "for ever", "chat id of a group that an app created → its name")

# Extensions ----------------------------------------------------------------------------------------------------------
EXTENSION = _family(
    "qb:{{{shard}}}:{community}:x:{extension}:{name}",
    "any",
    "as the extension says",
    "what an extension keeps in a community (storage/extensions.py)",
)
