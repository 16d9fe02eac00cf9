"""The pictures and files of answers: read from the content's folder or drawn, looked at by their first bytes, put into an answer's place.

An answer is kept for repeats with the file's name only (``PLACE``); the bytes come in on their way out, so that Redis never holds a picture.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import msgspec
import structlog

from bot.drawing import Artist, DrawingProblem, is_drawn, title_of
from bot.errors import UserError

log = structlog.get_logger(__name__)

PLACE = "file_to_show"
"""Names the file in place of its bytes."""
SHOWN_BYTES = 2_097_152
"""The largest picture that goes into a callback's response: WeCom takes 10 MB, but nobody waits for more than this in a chat."""
_MARK = f'"{PLACE}":'
"""A member's words cannot look like it: within JSON their quotation marks are escaped."""
_SIGNS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"#!AMR", "audio/amr"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
)


class FileProblem(UserError):
    """A file that cannot be read or sent; says in Chinese why."""


Make = Callable[[str], bytes]
"""Makes a file by what stands behind the colon of its name; raises UserError."""


class Files:
    """The files below one folder, and those that are made when somebody looks: drawn pictures (``bot.drawing.drawn``), and what ``makers``
    make of names that begin with theirs and a colon.
    """

    def __init__(self, folder: Path, makers: Mapping[str, Make] = MappingProxyType({})) -> None:
        self._folder = folder
        self._makers = makers
        self._artist = Artist()

    def read(self, name: str, most_bytes: int) -> bytes:
        """The bytes of a file by its path below the folder, or of one that is made by its name.

        Raises FileProblem: it is missing, too large, outside the folder, or cannot be drawn.
        """
        if is_drawn(name):
            return _no_larger("图片", self._draw(name), most_bytes)
        maker, _, rest = name.partition(":")
        if maker in self._makers:
            return _no_larger("文件", self._make(maker, rest), most_bytes)
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
                raise FileProblem(f"没有“{name}”这个文件，请放到 {self._folder} 里")
            if (size := path.stat().st_size) > most_bytes:
                raise FileProblem(f"文件“{name}”有 {size} 字节，最多 {most_bytes} 字节")
            return path.read_bytes()
        except (OSError, ValueError) as error:
            raise FileProblem(f"读不了文件“{name}”，请检查权限") from error

    def read_picture(self, name: str, most_bytes: int = SHOWN_BYTES) -> bytes:
        """The bytes of a JPG or PNG. Raises FileProblem."""
        data = self.read(name, most_bytes)
        if sniff(data) not in ("image/png", "image/jpeg"):
            raise FileProblem(f"“{name}”不是 JPG 或 PNG 图片")
        return data

    def put_in(self, answer: str) -> str:
        """A kept answer with the bytes of its pictures; one that cannot be read is said in words. Almost always the answer itself."""
        if _MARK not in answer or not answer.startswith("{"):
            return answer
        tree = msgspec.json.decode(answer, type=dict[str, Any])
        stream = tree["stream"]
        items = [self._item(item["image"][PLACE]) for item in stream.pop("msg_item")]
        if shown := [item for item in items if item]:
            stream["msg_item"] = shown
        if len(shown) < len(items):
            stream["content"] = f"{stream['content']}\n\n（有图片暂时显示不了，请联系管理员）".strip()
        return msgspec.json.encode(tree).decode()

    def _draw(self, name: str) -> bytes:
        try:
            return self._artist.draw(name)
        except DrawingProblem as problem:
            raise FileProblem(str(problem)) from None

    def _make(self, maker: str, rest: str) -> bytes:
        try:
            return self._makers[maker](rest)
        except UserError as problem:
            raise FileProblem(str(problem)) from None

    def _item(self, name: str) -> dict[str, Any] | None:
        try:
            data = self.read_picture(name)
        except FileProblem as problem:
            log.warning("picture not shown", reason=str(problem))
            return None
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return {"msgtype": "image", "image": {"base64": base64.b64encode(data).decode(), "md5": digest}}


def _no_larger(what: str, data: bytes, most_bytes: int) -> bytes:
    if len(data) > most_bytes:
        raise FileProblem(f"{what}有 {len(data)} 字节，最多 {most_bytes} 字节")
    return data


def shown_name(name: str) -> str:
    """What a file is called where members see it."""
    return title_of(name) if is_drawn(name) else PurePosixPath(name).name


def place_for(name: str) -> dict[str, Any]:
    """What stands in an answer for a picture until ``Files.put_in``."""
    return {"msgtype": "image", "image": {PLACE: name}}


def sniff(data: bytes) -> str:
    """What a file is by its first bytes, as a content type."""
    return next((type for at, sign, type in _SIGNS if data[at : at + len(sign)] == sign), "application/octet-stream")
