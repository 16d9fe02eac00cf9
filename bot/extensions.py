"""Extensions: features that do not come with the bot – a file in a folder, or a package that is installed beside it.

::

    extension = Extension(name="birthdays", title="生日", router=router, settings=Settings, store=Birthdays, page=page)

A file ``extensions/birthdays.py`` with such a name in it is all; a package names the same object as an entry point of the group
``qunguanjia.extensions``. An extension is a part of the program and may do whatever the bot may: install only what you have read. What is wrong
with any of them is said before the start, everything at once.
"""

from __future__ import annotations

import importlib.util
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from bot.communities import Community
from bot.config import Config, explain_setting
from bot.errors import WiringError
from bot.live import Contents
from bot.permissions import Actor, Role
from bot.router import Router
from storage.extensions import Make
from storage.stores import Stores

API = 1
"""Raised when extensions written before would no longer work."""
GROUP = "qunguanjia.extensions"
"""Entry points of this group are extensions."""
ATTRIBUTE = "extension"
"""What an extension's module calls it."""
_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")


class NoSettings(BaseModel):
    """Of an extension that has no settings."""

    model_config = {"extra": "forbid"}


# What a page of the console shows -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below heads; ``empty`` is said where there are none."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    empty: str = "还没有。"


@dataclass(frozen=True, slots=True)
class Field:
    """What is filled in: a line, a number, a day, more lines, or one of ``choices`` (value → words)."""

    name: str
    title: str
    kind: Literal["text", "number", "date", "long", "choice"] = "text"
    value: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """Fields and a button; ``act`` says which form was sent."""

    act: str
    button: str
    fields: Sequence[Field] = ()
    title: str = ""


Part = str | Table | Form


@dataclass(frozen=True, slots=True)
class Scene:
    """What a page is made from: the community that it is about, who looks at it, and the moment. ``once`` names an act, '' while only looking."""

    stores: Stores
    config: Config
    contents: Contents
    community: Community
    actor: Actor
    now: datetime
    once: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """An extension's page of the console: ``show`` gives its parts from above to below, words are paragraphs. ``role`` may look.

    ``act`` (operators at least) does what a form says and gives the words for the audit and for the page; UserError is shown beside the form.
    What a page shows is text, never HTML; frame, menu, rights and the proof against forged forms are the console's.
    """

    show: Callable[[Scene], Sequence[Part]]
    act: Callable[[Scene, str, Mapping[str, str]], str] | None = None
    role: Role = "viewer"
    words: str = ""


# An extension ---------------------------------------------------------------------------------------------------------------

S = TypeVar("S", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Extension(Generic[S, T]):
    """A feature from elsewhere. ``name`` stands in keys, addresses and settings, ``title`` is what people read.

    ``settings`` is a pydantic model, read from ``extensions.settings.<name>`` of config.yaml; ``store`` makes what it remembers from a
    :class:`storage.extensions.Drawer`, with ``export_user(number)`` and ``erase_user(number)`` as every store of persons.
    """

    name: str
    title: str
    router: Router = field(default_factory=Router)
    settings: type[S] = NoSettings  # type: ignore[assignment]  # what a default of a generic field cannot say
    store: Make | None = None
    page: Page | None = None
    api: int = API

    def settings_of(self, config: Config) -> S:
        """Its settings in force."""
        return self.settings.model_validate(config.extensions.settings.get(self.name, {}))

    def store_of(self, stores: Stores) -> T:
        """Its store."""
        found: T = stores.extensions[self.name]
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """An extension, and where it comes from: a file, or a package with its version."""

    extension: Extension[Any, Any]
    source: str


def find_extensions(config: Config) -> tuple[Found, ...]:
    """Those of the folder and of installed packages, but for those that are switched off, by name.

    Raises WiringError with everything that is wrong with any of them.
    """
    problems: list[str] = []
    found = [one for one in _load_all(config, problems) if _is_fit(one, problems)]
    by_name = {one.extension.name: one for one in reversed(found)}
    problems += [
        f"两个扩展都叫 {one.extension.name}：{by_name[one.extension.name].source} 与 {one.source}，请去掉一个，或改掉它的名字"
        for one in found
        if by_name[one.extension.name] is not one
    ]
    if problems:
        raise WiringError(problems)
    active = {name: one for name, one in sorted(by_name.items()) if name not in config.extensions.skip}
    if wrong := [*_strangers(config, by_name), *(line for one in active.values() for line in _wrong_settings(one, config))]:
        raise WiringError(wrong)
    return tuple(active.values())


def load_file(file: Path) -> Extension[Any, Any]:
    """The extension in a file. Raises WiringError."""
    name = f"qunguanjia_extension_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses and pickles look for it
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever somebody else's file does wrong
        raise WiringError([f"扩展 {file} 读不进来：{type(error).__name__}: {error}"]) from error
    return _extension_in(module, str(file))


def _load_all(config: Config, problems: list[str]) -> Iterator[Found]:
    folder = config.extensions_path
    files = [*folder.glob("*.py"), *folder.glob("*/__init__.py")] if folder.is_dir() else []
    for file in sorted(file for file in files if not _stem(file).startswith(("_", "test_", "conftest"))):
        try:
            _refuse_writable(folder, file.parent, file)
            yield Found(load_file(file), str(file))
        except WiringError as wrong:
            problems += wrong.problems
    for point in entry_points(group=GROUP):
        try:
            yield Found(_load_point(point), _package_of(point))
        except WiringError as wrong:
            problems += wrong.problems


def _refuse_writable(*paths: Path) -> None:
    """Raises WiringError where every user of the machine could write what the bot would then do."""
    if found := next((path for path in paths if path.stat().st_mode & stat.S_IWOTH), None):
        raise WiringError([f"{found} 谁都能改写，扩展能做机器人能做的一切，所以没有读它：先看看里面有没有被改过，再执行 chmod o-w {found}"])


def _stem(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _load_point(point: EntryPoint) -> Extension[Any, Any]:
    try:
        found = point.load()
    except Exception as error:
        raise WiringError([f"扩展包 {_package_of(point)} 读不进来：{type(error).__name__}: {error}"]) from error
    return found if isinstance(found, Extension) else _extension_in(found, _package_of(point))


def _extension_in(module: object, source: str) -> Extension[Any, Any]:
    found = getattr(module, ATTRIBUTE, None)
    if not isinstance(found, Extension):
        raise WiringError([f"{source} 里没有 extension = Extension(…)：不是扩展的文件请移出这个文件夹，或让文件名以 _ 开头"])
    return found


def _package_of(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _is_fit(found: Found, problems: list[str]) -> bool:
    one, before = found.extension, len(problems)
    if not _NAME.fullmatch(one.name):
        problems.append(f"扩展 {found.source} 的名字 {one.name!r} 不行：2 到 31 个小写字母、数字和 _，以字母开头")
    if one.api != API:
        problems.append(f"扩展 {found.source} 是为接口第 {one.api} 版写的，这里是第 {API} 版：请换一个合适的版本")
    if not (one.title.strip() and one.title.isprintable() and len(one.title) <= 20):
        problems.append(f"扩展 {found.source} 的 title 要有 1 到 20 个字：菜单和帮助里显示它")
    if one.store and not all(callable(getattr(one.store, act, None)) for act in ("export_user", "erase_user")):
        problems.append(f"扩展 {found.source} 的 store 没有 export_user 与 erase_user：保存个人数据就要能导出和删除，什么都不存也要说明")
    return len(problems) == before


def _strangers(config: Config, known: Mapping[str, Found]) -> Iterator[str]:
    for where, names in (("settings", config.extensions.settings), ("skip", config.extensions.skip)):
        for name in names:
            if name not in known:
                there = "、".join(known) or "一个也没有"
                yield f"extensions.{where} 里写了 {name}，可是没有这个扩展。现有的扩展：{there}（文件夹 {config.extensions_path}）"


def _wrong_settings(found: Found, config: Config) -> Iterator[str]:
    try:
        found.extension.settings_of(config)
    except ValidationError as wrong:
        for problem in wrong.errors(include_input=False, include_url=False):
            place = ".".join(("extensions", "settings", found.extension.name, *map(str, problem["loc"])))
            said = explain_setting(problem, found.extension.settings)
            yield f"{place}：{said}。请看 {found.source} 里的说明"
