"""The REST calls the bot may make, one file for each kind of token. ``CALLS`` maps method and path to what answers it."""

from __future__ import annotations

from simulator.calls.app import APP_CALLS
from simulator.calls.appchat import APPCHAT_CALLS
from simulator.calls.call import Call, Handler
from simulator.calls.contact import CONTACT_CALLS
from simulator.calls.robots import ROBOT_CALLS

__all__ = ["CALLS", "Call", "Handler"]

CALLS: dict[tuple[str, str], Handler] = {**APP_CALLS, **APPCHAT_CALLS, **CONTACT_CALLS, **ROBOT_CALLS}
