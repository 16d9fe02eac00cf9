"""Where extensions keep things: keys of their own in every community's slot, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.personal import Personal


class Act(Script):
    """An act of an extension: a text in Lua. Like those of ``storage/lua`` it takes the time as an argument, and all its keys are one community's."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        self.name, self.text = "an extension's", text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Drawer:
    """What one extension keeps, by community. Its keys are made by :meth:`key`; words to Redis that name another key first raise ValueError.

    That stops mistakes, no malice: an extension is a part of the program. Every call is one round trip and, but for :meth:`ask_all`, one act.
    """

    PERSONAL = Personal(
        "扩展",
        "扩展自己说明",
        (keys.EXTENSION,),
    )

    def __init__(self, database: Database, extension: str) -> None:
        self._database = database
        self._extension = extension

    def key(self, where: CommunityKeys, name: str) -> str:
        """The key of this name in a community: all of them share the community's slot, so one act may touch several."""
        if not name or any(sign in name for sign in "{}*?[] \n"):
            raise ValueError(f"not the name of a key: {name!r}")
        return keys.EXTENSION(shard=where.shard, community=where.id, extension=self._extension, name=name)

    def ask(self, *words: str | float | bytes) -> Any:
        """Runs one Redis command, whose second word is a key of one's own."""
        self._check([str(words[1])])
        return self._database.command(*words)

    def ask_all(self, commands: Sequence[Sequence[str | int | float | bytes]]) -> list[Any]:
        """Runs several, answers in order, one round trip; between them others may come."""
        self._check([str(words[1]) for words in commands])
        return self._database.pipeline(commands)

    def act(self, act: Act, names: Sequence[str], args: Sequence[str | int | float | bytes] = ()) -> Any:
        """Runs an act on keys of one's own."""
        self._check(names)
        return self._database.act(act, names, args)

    def places(self) -> Iterator[CommunityKeys]:
        """Every community; for rare acts of one person's rights, for it walks over the keys."""
        yield from communities_with(self._database, keys.EXTENSION)

    def _check(self, names: Sequence[str]) -> None:
        for name in names:
            if f":x:{self._extension}:" not in name:
                raise ValueError(f"not a key of the extension {self._extension}")


Make = Callable[[Drawer], Any]
"""Makes the store of an extension: something with ``export_user`` and ``erase_user``."""
