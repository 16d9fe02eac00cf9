"""What monitoring reads of the whole installation, looked at once a minute: never while somebody asks for it, and no more for more members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import get_args

from bot.communities import Communities
from bot.config import Config
from bot.live import Contents
from bot.metrics import Metrics
from bot.numbers import Numbers
from bot.room import look as look_at_room
from bot.room import make_room, note
from rules.figures import Where
from rules.health import Colour
from storage.moment import to_ms
from storage.stores import Stores

ROOM_LEASE_MS = 55_000
"""One process of all makes room; another does when that one is gone."""
MOST = 50
"""Communities that have figures of their own in monitoring; more would cost it too much."""


def look(
    stores: Stores, config: Config, communities: Communities, contents: Contents, clock: Callable[[], datetime], metrics: Metrics
) -> None:
    """Puts the state of the queues, and by community who is active and how many lights have which colour, where monitoring finds them."""
    now_ms = to_ms(clock())
    state = stores.machine.look(now_ms, leases=(), channels=(), limits=())
    late_ms = max((now_ms - line.next_ms for line in state.lines), default=0)
    room = look_at_room(stores, config, state.server)
    metrics.note_room({name: (store.used, store.total, store.days_left) for name, store in room.stores.items()})
    if stores.leases.hold("room", ROOM_LEASE_MS):
        note(stores, room, clock())
        make_room(stores, config, room, clock(), lambda: stores.machine.server().memory)
    metrics.note_queues(
        waiting={"inbox": state.inbox, "outbox": state.waiting, "jobs": state.jobs, "pictures": state.pictures, "streams": state.parts},
        dead={"inbox": state.buried, "outbox": state.dead},
        late_s=max(late_ms, 0) / 1000,
    )
    numbers, places = Numbers(stores, communities, clock, contents), communities.listed[:MOST]
    lights = numbers.lights_of(places) if places else {}
    for place in places:
        where = Where(place.id)
        today = numbers.today(where)
        [day] = numbers.days(where, today, today)
        colours = Counter(light.colour for light in lights[place.id])
        metrics.note_community(
            place.id, {colour: colours[colour] for colour in get_args(Colour)}, active=day.spoke.day, members=day.members
        )
