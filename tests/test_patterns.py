"""No pattern of ours can be made to take long: each is tried on the texts that make patterns take long, twice as long each time."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("rules", "storage", "bot", "handlers", "scheduler", "console", "commands")
LENGTH, SEARCHED = 600, 150
"""Characters of a text that a pattern has to fit whole, and of one in which it is looked for from every place: most of ours are never used so."""
MOST_S = 0.2
"""A pattern that goes back over the text from each of its places takes some hundredths of a second; one that goes back over its goings back, for ever."""
CALLS = frozenset({"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer", "compile"})
COLLECT = f"""
import importlib, json, pkgutil, re, sys
seen, real = set(), re._compile
def noted(pattern, flags):
    asker = sys._getframe(1)
    while asker.f_code.co_filename == re.__file__:
        asker = asker.f_back
    if isinstance(pattern, str) and asker.f_code.co_filename.startswith({str(ROOT) + "/"!r}) and "/.venv/" not in asker.f_code.co_filename:
        seen.add((pattern, int(flags)))
    return real(pattern, flags)
import wechatpy.work, redis, flask, pydantic, apscheduler.schedulers.background, openpyxl, xlsxwriter, structlog, yaml, rjieba, jieba, PIL, segno, pyotp
re._compile = noted
for room in {ROOMS!r}:
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, f"{{room}}."):
        importlib.import_module(found.name)
print(json.dumps(sorted(seen)))
"""


def compiled() -> set[tuple[str, int]]:
    """Every pattern that our modules make when they are imported."""
    done = subprocess.run([sys.executable, "-c", COLLECT], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {(pattern, flags) for pattern, flags in json.loads(done.stdout.splitlines()[-1])}


def written() -> Iterator[tuple[str, int]]:
    """Every pattern that is written out where it is used."""
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS
                if is_call and isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args:  # type: ignore[attr-defined]
                    first = node.args[0]  # type: ignore[attr-defined]
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        yield first.value, 0


@pytest.fixture(scope="module")
def patterns() -> list[re.Pattern[str]]:
    return [re.compile(pattern, flags & ~re.DEBUG) for pattern, flags in sorted(compiled() | set(written()))]


def attacks(pattern: str) -> Iterator[str]:
    """Long texts of what the pattern is made of, once alone and once with another, ended by what fits nothing."""
    literal = [sign for sign in dict.fromkeys(re.sub(r"\\[a-zA-Z]", "", pattern)) if sign.isalnum() or sign in "@#-_.:/，。、 <>&=+%"][:6]
    signs = [*literal, "a", "1", " ", "中"]
    yield from (sign * LENGTH + end for sign in dict.fromkeys(signs) for end in ("\0", "!"))
    yield from ((one + other) * (LENGTH // 2) + "\0" for one, other in product(signs[:5], signs[-4:]) if one != other)


def slowest(pattern: re.Pattern[str]) -> float:
    """The longest (s) that one of the attacks takes, least of two tries: somebody else may use the processor meanwhile."""
    return max(
        min(_took_s(pattern, text) for _ in range(2)) if _took_s(pattern, text) > MOST_S / 2 else 0.0 for text in attacks(pattern.pattern)
    )


def _took_s(pattern: re.Pattern[str], text: str) -> float:
    began = time.process_time()
    pattern.search(text[-SEARCHED:])
    pattern.fullmatch(text)
    return time.process_time() - began


def test_none_takes_long(patterns: list[re.Pattern[str]]) -> None:
    assert len(patterns) > 200
    assert [pattern.pattern for pattern in patterns if slowest(pattern) > MOST_S] == []


@pytest.mark.parametrize("bad", [r"(?:a|a?)+b", r"^(\d+)*x$"])
def test_one_that_does_is_found(bad: str) -> None:
    short = re.compile(bad)
    text = ("a" if "a" in bad else "1") * 21 + "!"
    began = time.process_time()
    short.search(text)
    assert time.process_time() - began > MOST_S / 4, "with 600 characters it would not end in this life"
