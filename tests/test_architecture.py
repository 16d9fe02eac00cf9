"""The rooms stay rooms: layers by import-linter (contracts in pyproject.toml), and by our own eyes what it cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"])
LATE_IMPORTS = {
    "jieba": "0.9 s and a dictionary in memory, for the processes that read texts only",
    "rjieba": "a dictionary in memory as well, and jieba serves without it",
    "PIL": "50 ms and 20 MB, for the processes that draw a picture only",
    "xlsxwriter": "0.15 s, for the process that writes a workbook only",
    "zxingcpp": "a megabyte of C++, for the process that reads one picture only",
    "snownlp": "2 s and 400 MB, for the process that judges moods only",
}
CLOCKS_AND_DICE = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    *(("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "sleep", "localtime", "gmtime")),
    *(("random", name) for name in ("random", "choice", "choices", "randint", "randrange", "sample", "shuffle", "uniform")),
    *(("uuid", name) for name in ("uuid1", "uuid4")),
}


def sources(*rooms: str) -> dict[str, ast.Module]:
    """Every Python file of the rooms (and run.py, when all are asked for), parsed, by its path in the project."""
    paths = [path for room in rooms or ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    if not rooms and (ROOT / "run.py").exists():
        paths.append(ROOT / "run.py")
    return {str(path.relative_to(ROOT)): parsed(path) for path in paths}


@cache
def parsed(path: Path) -> ast.Module:
    """A file of ours; each is looked at by several tests."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(node: ast.AST) -> list[str]:
    """The modules that one import statement names; none for anything else."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{name.name}" for name in node.names)]
    return []


def late_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and module of every import inside a function."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node.lineno, imported(node)[0]


def clocks_and_dice(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every clock, pause or random draw that is not handed in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (owner, node.attr) in CLOCKS_AND_DICE:
                yield node.lineno, f"{owner}.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, name.name) for name in node.names if (node.module, name.name) in CLOCKS_AND_DICE)


def test_every_room_is_under_the_contracts() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests", "tools", "benchmarks"} == set(ROOMS)


def test_imports_go_downwards_and_each_library_has_one_home() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_stand_at_the_top_of_the_file() -> None:
    """Not in run.py and commands/: there each command brings its own, so that `ask` does not wait for the web server's."""
    late = [
        f"{path}:{line} {module}"
        for path, tree in sources(*(room for room in ROOMS if room != "commands")).items()
        for line, module in late_imports(tree)
        if module.split(".")[0] not in LATE_IMPORTS
    ]
    assert late == []


def test_nothing_imports_run_or_the_tests() -> None:
    found = [
        f"{path} {module}"
        for path, tree in sources().items()
        for node in ast.walk(tree)
        for module in imported(node)
        if module.split(".")[0] in {"run", "tests"}
    ]
    assert found == []


def test_rules_and_handlers_have_no_clock_and_no_dice() -> None:
    found = [f"{path}:{line} {name}" for path, tree in sources("rules", "handlers").items() for line, name in clocks_and_dice(tree)]
    assert found == []


def test_no_function_changes_a_global() -> None:
    found = [
        f"{path}:{node.lineno} global {', '.join(node.names)}"
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("from datetime import datetime\nx = datetime.now()", ["datetime.now"]),
        ("import datetime\nx = datetime.datetime.now()", ["datetime.now"]),
        ("from time import time", ["time"]),
        ("import random\nx = random.choice([1])", ["random.choice"]),
        ("x = ctx.now()\ny = ctx.rng.choice([1])", []),
    ],
)
def test_the_check_for_clocks_sees_what_it_should(text: str, seen: list[str]) -> None:
    assert [name for _, name in clocks_and_dice(ast.parse(text))] == seen


def test_the_check_for_late_imports_sees_what_it_should() -> None:
    tree = ast.parse("import a\ndef f():\n    from b import c\n    if True:\n        import d")
    assert [module for _, module in late_imports(tree)] == ["b", "d"]
