"""Pictures and files on their way out: uploaded by whoever sends them, once in three days, and named by their media id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot import bodies
from bot.bodies import Body
from bot.files import PLACE, Files, shown_name
from bot.media import MOST_BYTES, Account, Content, Kind, Media

Send = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files of one folder, and their media ids. What it raises is a FileProblem, a MediaError, or what ``send`` and uploading raise."""

    files: Files
    media: Media

    def send(self, body: Body, account: Account, send: Send) -> dict[str, Any]:
        """What ``send`` gives for a body; where that names a file (``bot.files.PLACE``), for its media id."""
        kind, name = _enclosed(body)
        if not name:
            return send(body)
        content = self._content(kind, name)
        return self.media.send(account, content, lambda media_id: send({**body, kind: {"media_id": media_id}}))

    def send_by_webhook(self, body: Body, account: Account, send: Send) -> dict[str, Any]:
        """The same for a webhook, whose pictures are sent with the message itself (path 99110)."""
        kind, name = _enclosed(body)
        if kind == "image" and name:
            return send(bodies.webhook_image(self.files.read_picture(name, bodies.WEBHOOK_IMAGE_BYTES)))
        return self.send(body, account, send)

    def _content(self, kind: Kind, name: str) -> Content:
        return Content(kind, self.files.read(name, MOST_BYTES[kind]), shown_name(name))


def is_enclosing(body: Body) -> bool:
    """Whether a body names a file of ours that is to be uploaded first."""
    return bool(_enclosed(body)[1])


def _enclosed(body: Body) -> tuple[Kind, str]:
    """Kind and name of the file in a body; "" when there is none."""
    kind: Any = body.get("msgtype")
    part = body.get(kind) if kind in MOST_BYTES else None
    return kind, str(part.get(PLACE, "")) if isinstance(part, Mapping) else ""
