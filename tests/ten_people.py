"""Ten people over five weeks (2 March to 5 April 2026, Monday to Sunday), small enough that every indicator can be worked out by hand.

=======  ==========================  ==========================
who      came                        spoke on days (0 is 2 March)
=======  ==========================  ==========================
1 A      was there                   every day
2 B      was there                   Mondays: 0 7 14 21 28
3 C      was there                   the first week: 0–6
4 D      was there                   20 27 30
5 E      was there                   never
6 F      was there, left on day 28   10
7 G      on day 0                    0 1 7 30
8 H      on day 0                    0
9 I      on day 21                   21 22 28
10 J     on day 22                   22
=======  ==========================  ==========================

Everybody who speaks says two things a day. What else happened, happened in the last week (:data:`COUNTED`).
"""

from __future__ import annotations

from datetime import date, timedelta

from rules.figures import Day, Joined, work_out

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=34)
SPOKE: dict[int, tuple[int, ...]] = {
    1: tuple(range(35)), 2: (0, 7, 14, 21, 28), 3: tuple(range(7)), 4: (20, 27, 30), 5: (), 6: (10,), 7: (0, 1, 7, 30), 8: (0,), 9: (21, 22, 28), 10: (22,),
}  # fmt: skip
CAME = {7: 0, 8: 0, 9: 21, 10: 22}
TOOK_PART = {28: (1,), 30: (1, 4)}
COUNTED: dict[int, dict[str, int]] = {
    0: {"found": 6, "came": 2},
    21: {"came": 1},
    22: {"came": 1},
    28: {"gone": 1, "faq_hit": 6, "faq_offer": 1, "faq_miss": 1, "pushes_sent": 3, "responded": 2, "invited": 2, "flows_begun": 4},
    29: {"tickets": 2, "tickets_answered": 1, "wait:12": 1, "points_in": 120, "orders_done": 3, "submissions": 3},
    30: {"faq_hit": 3, "faq_miss": 1, "useless": 1, "pushes_sent": 1, "pushes_failed": 1, "responded": 1, "topic_replies": 1},
    31: {"tickets": 2, "tickets_cancelled": 1, "tickets_answered": 1, "wait:45": 1, "points_out": 30, "orders_cancelled": 1},
    32: {"felt": 20, "unhappy": 3, "warnings": 1, "featured": 1, "submissions_featured": 1},
    33: {"appeals_granted": 1, "appeals_upheld": 2, "invite_credited": 1, "flows_done": 3},
    34: {"nps:10": 1, "nps:9": 2, "nps:8": 1, "nps:3": 1},
}


def days() -> list[Day]:
    """The thirty-five days."""
    found, members = [], 0
    for at in range(35):
        said = 2 * _marks(at, SPOKE).bit_count()
        counts = {"messages": said, **COUNTED.get(at, {})}
        members += counts.get("came", 0) + counts.get("found", 0) - counts.get("gone", 0)
        found.append(
            work_out(
                FIRST + timedelta(days=at), counts, members=members, spoke=Joined(lambda day: _marks((day - FIRST).days, SPOKE)),
                part=Joined(lambda day: sum(1 << who for who in TOOK_PART.get((day - FIRST).days, ()))),
                new=Joined(lambda day: sum(1 << who for who, came in CAME.items() if came == (day - FIRST).days)),
            )
        )  # fmt: skip
    return found


def _marks(at: int, when: dict[int, tuple[int, ...]]) -> int:
    return sum(1 << who for who, on in when.items() if at in on)


WEEK: dict[str, float | None] = {
    "members": 9,  # 6 were there, 4 came, F left
    "newcomers": 0,
    "departures": 1,  # F
    "net_growth": -1 / 10,  # F of the ten of day 27
    "churn": 1 / 10,
    "k_factor": 2 / 10,  # two were invited
    "invite_conversion": 1 / 2,
    "dau": 11 / 7,  # 3 1 3 1 1 1 1
    "wau": 5,  # A B D G I
    "stickiness": 11 / 7 / 8,  # of the 8 of the month
    "active_share": 5 / 9,
    "silent_share": 1 / 9,  # 9 members, 8 spoke within 30 days
    "messages": 22,
    "messages_per_head": 22 / 5,
    "retention_d1": None,  # nobody came on days 27–33
    "retention_d7": 1 / 2,  # I (21) spoke on 28, J (22) not on 29
    "retention_d30": 1 / 2,  # of G and H (0) G spoke on 30
    "week_retention": 4 / 5,  # of A B D I J (21–27) all but J
    "month_retention": 4 / 5,  # of A B C G H (up to 4) all but H
    "participation": 2 / 9,  # A and D
    "content_completion": 3 / 4,
    "ugc_share": 4 / 8,  # 3 works and a reply, 4 pushes
    "featured_share": 2 / 5,  # a featured message and a featured work, of 3 works, a reply and that message
    "push_reach": 4 / 5,
    "push_response": 3 / 18,  # 2 and 1, of 9 members on both days
    "push_optout": 0,
    "answer_minutes": 28.5,  # between 12 and 45
    "reply_rate": 2 / 3,  # 4 tickets, 1 cancelled, 2 answered
    "faq_hit": 9 / 12,
    "missed": 2,
    "self_service": 8 / 16,  # 9 answers, one of them useless; 12 questions and 4 tickets
    "negative_share": 3 / 20,
    "warning_rate": 1 / 22,
    "appeals_granted": 1 / 3,
    "nps": 40,  # 3 fans, 1 critic, of 5
    "points_in": 120,
    "points_out": 30,
    "points_used": 1 / 4,
    "redemption": 3 / 4,
}
"""Every indicator of the last week (days 28–34, against 21–27), by hand."""
MONTH: dict[str, float | None] = {
    "newcomers": 2,  # I and J
    "net_growth": 1 / 8,  # two came, one left, of the eight of day 4
    "mau": 8,  # all but E and H
    "dau": (30 + 4 + 2 + 3 + 1 + 2 + 3 + 1) / 30,  # A; B on four Mondays; C 5 6; D; F; G 7 30; I; J
    "active_share": 8 / 9,
    "retention_d1": 1 / 2,  # I (21) spoke on 22, J (22) not on 23
    "retention_d7": 2 / 4,  # G (0) on 7, I on 28; neither H nor J
    "messages_per_head": 92 / 8,
}
"""Some of the last thirty days (5–34)."""
DAY: dict[str, float | None] = {
    "dau": 1,
    "messages": 2,
    "active_share": 1 / 9,
    "newcomers": 0,
    "net_growth": 0,
    "retention_d1": None,
    "faq_hit": None,
}
"""Some of the last day."""
