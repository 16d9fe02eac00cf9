"""The console's own style sheets, scripts and drawings: with addresses that change with what is in them, and compressed where the browser may have it so.

Pages themselves are not compressed: they hold secrets (the forms' proofs) beside words that others wrote, and their length would tell of both.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from flask import abort, request, url_for
from werkzeug.wrappers import Response

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served: licences too, for they belong to the files."""


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    mark: str
    type: str


class StaticFiles:
    """The files of one folder, read once; packed at the first request that wants them so."""

    def __init__(self, folder: Path) -> None:
        paths = [path for path in sorted(folder.rglob("*")) if path.suffix in TYPES]
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        self._packed: dict[str, bytes] = {}

    def __call__(self, name: str) -> str:
        """The address of a file."""
        return url_for("console.static", filename=name, v=self._files[name].mark)

    def serve(self, filename: str) -> Response:
        """The answer to who asks for a file; only what was read at the start is there at all."""
        file = self._files.get(filename)
        if file is None:
            abort(404)
        is_packed = request.accept_encodings["gzip"] > 0
        answer = Response(self._pack(filename, file) if is_packed else file.body, mimetype=file.type, headers={"Vary": "Accept-Encoding"})
        if is_packed:
            answer.headers["Content-Encoding"] = "gzip"
        answer.set_etag(file.mark + ("z" if is_packed else ""))
        return answer.make_conditional(request)

    def _pack(self, name: str, file: _File) -> bytes:
        if name not in self._packed:
            self._packed[name] = gzip.compress(file.body, 9, mtime=0)
        return self._packed[name]


def _read(path: Path) -> _File:
    body = path.read_bytes()
    return _File(body, hashlib.sha256(body).hexdigest()[:10], TYPES[path.suffix])
