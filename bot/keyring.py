"""The key that seals what is kept sealed: from the environment or, where it gives none, made once in the data folder, readable by its owner alone."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from bot.config import Config

KEY_FILE = "evidence.key"


def sealing_key(config: Config) -> bytes:
    """The key that seals evidence, and what else is kept sealed: the one that the environment gives, else the one of the data folder."""
    return config.evidence_key.get_secret_value().encode() or evidence_key(config.data_path)


def differs(config: Config) -> bool:
    """Whether the environment gives another key than the data folder has: what was sealed with that one cannot be read."""
    file = config.data_path / KEY_FILE
    given = config.evidence_key.get_secret_value().encode()
    return bool(given) and file.exists() and file.read_bytes().strip() != given


def evidence_key(folder: Path) -> bytes:
    """The key that seals the evidence of cases (Fernet). Without it, kept evidence cannot be read."""
    return _kept(folder / KEY_FILE)


def _kept(file: Path) -> bytes:
    if not file.exists():
        _make(file)
    return file.read_bytes().strip()


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")  # readable by its owner alone
    with os.fdopen(descriptor, "wb") as out:
        out.write(Fernet.generate_key())
        out.flush()
        os.fsync(out.fileno())
    # A link appears whole or not at all, and only once: of several processes that start together, one makes the key and the others read it.
    with contextlib.suppress(FileExistsError):
        os.link(fresh, file)
    os.unlink(fresh)
