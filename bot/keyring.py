"""Keys that nobody gave: made once in the data folder, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet


def evidence_key(folder: Path) -> bytes:
    """The key that seals the evidence of cases (Fernet). Without it, kept evidence cannot be read."""
    return _kept(folder / "evidence.key")


def _kept(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # O_EXCL: of several processes that start at once, one makes the key and the others read it.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes().strip()
    with os.fdopen(descriptor, "wb") as out:
        key = Fernet.generate_key()
        out.write(key)
    return key
