"""What stores declare of personal data: what they keep, what for, what an erasure does. ``docs/privacy.md`` is made of it, tests hold it true."""

from __future__ import annotations

from dataclasses import dataclass

from storage import keys
from storage.keys import Family


@dataclass(frozen=True, slots=True)
class Personal:
    """What a store (its ``PERSONAL``) says of itself, in Chinese: it is what operators hand to whoever asks them.

    ``families`` are the keys that are the store's own; how long they live is said in ``storage/keys.py``. In those of ``stays`` the number of an
    erased person may be left, which leads to nobody, for the reason ``stays_why``. What is in ``passing`` is not part of an export, because it is
    gone within the time that asking takes, or is somebody else's: ``passing_why``. A store without ``what`` keeps nothing of persons; ``why`` says
    what it does keep.
    """

    name: str
    why: str
    families: tuple[Family, ...]
    what: str = ""
    erasing: str = ""
    stays: tuple[Family, ...] = ()
    stays_why: str = ""
    passing: tuple[Family, ...] = ()
    passing_why: str = ""


COMMON = (
    Personal(
        "去重的结果", "同一条消息或同一次点击来两次，只算一次；只有编号和结果，没有原文", (keys.ONCE,),
        stays=(keys.ONCE,), stays_why="7 天后自动消失；删掉它，重复的消息会被再做一遍",
    ),
    Personal("事件记录的文件夹", "凭一个词认出旧记录的文件夹", (keys.LOG_FOLDER,)),
    Personal("数据的版本", "数据格式的版本、分片数和第一次启动的时间", (keys.SCHEMA,)),
    Personal("副本确认", "等副本收到数据时用的记号", (keys.REPLICATED,)),
)  # fmt: skip
"""Keys that are no single store's."""
