"""The documentation is true: pages made from code are fresh, links lead somewhere, and what a page names exists."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import click
import pytest
from pydantic import BaseModel

import run
from bot.config import CHANNEL_MODELS, CommunityConfig, Config, RetentionConfig, load
from handlers import discover
from storage.keys import FAMILIES
from tools import docs

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TOPS = ("bot", "handlers", "rules", "scheduler", "simulator", "storage", "console", "tests", "tools", "docs", "benchmarks", ".ci")
FILE = re.compile(r"[\w.-]+\.(py|md|lua|yaml|toml|txt|in|js|sh)")
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def text_of(name: str) -> str:
    """A page by its path in the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str = "") -> list[tuple[str, str]]:
    """The fenced code of a page, indented or not: (what stands behind the fence, the code)."""
    found = re.findall(r"^( *)```(\S[^\n]*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [(info, re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)) for indent, info, code in found if info.startswith(language)]


def prose(text: str) -> str:
    """A page without its fenced code."""
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)


def spans(text: str) -> list[str]:
    """What stands in backticks in a page's prose."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def code_of(text: str) -> str:
    """Everything in a page that is code."""
    return "\n".join([*spans(text), *(code for _, code in blocks(text))])


def links(text: str) -> list[str]:
    """Where a page's own links and pictures lead, addresses in the web left out."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "", prose(text)))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, by GitHub's rule."""
    heads = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


# Made from the code -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_page_made_from_the_code_is_fresh(name: str) -> None:
    assert text_of(f"docs/{name}") == docs.PAGES[name](), "run: python -m tools.docs"


def test_a_stale_page_is_named(tmp_path: Path) -> None:
    docs.write(tmp_path)
    assert docs.find_stale(tmp_path) == []

    (tmp_path / "commands.md").write_text("gone", encoding="utf-8")
    (tmp_path / "redis-keys.md").unlink()

    assert docs.find_stale(tmp_path) == ["commands.md", "redis-keys.md"]


def test_wrong_words_are_told_how_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--chek"]) == 2
    assert "--check" in capsys.readouterr().err


# Everything has its place ---------------------------------------------------------------------------------------------------


def models() -> Iterator[type[BaseModel]]:
    """Every group of settings."""
    yield Config
    yield CommunityConfig
    yield from CHANNEL_MODELS.values()
    for field in Config.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield field.annotation


def test_every_setting_is_documented() -> None:
    page = text_of("docs/configuration.md")
    names = {name for model in models() for name in model.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in page and f"## {name}" not in page] == []


def test_every_chat_command_is_documented_with_all_its_names() -> None:
    page = text_of("docs/commands.md")
    shown = [route for route in discover().commands.values() if not route.is_hidden]
    assert [name for route in shown for name in route.names if f"`{name}`" not in page and f"`{name} " not in page] == []


def test_every_command_of_the_command_line_is_documented_with_its_options() -> None:
    page = text_of("docs/commands.md")
    for name, command in run.main.commands.items():
        if command.hidden:
            continue
        section = page.split(f"### {name}\n", 1)[1].split("\n### ", 1)[0]
        options = {option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts}
        assert [option for option in options - {"--config"} if f"`{option}`" not in section] == []


def test_every_family_of_keys_is_documented() -> None:
    page = text_of("docs/redis-keys.md")
    rows = [line for line in page.splitlines() if line.startswith("| `qb:")]
    assert len(rows) == len(FAMILIES)
    # As code sees it: the pattern with every part filled in by its own name.
    parts = {part for family in FAMILIES for _, part, _, _ in Formatter().parse(family.pattern) if part}
    filled = {re.sub(r"[<>]", "", row.split("`")[1]) for row in rows}
    assert {family(**{part: part for part in parts}) for family in FAMILIES} == filled


def test_the_retention_that_operators_read_is_the_default() -> None:
    said = re.findall(r"^\| `retention\.(\w+)` \| (\d+) ", text_of("docs/privacy.md"), re.MULTILINE)
    assert {name: int(days) for name, days in said} == {name: field.default for name, field in RetentionConfig.model_fields.items()}


# What is named exists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in links(text_of(name)):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


def test_every_page_can_be_reached_from_both_readmes() -> None:
    for start in ("README.md", "README.zh-CN.md"):
        reached, ahead = set(), [ROOT / start]
        while ahead:
            page = ahead.pop()
            reached.add(page)
            there = [(page.parent / target.partition("#")[0]).resolve() for target in links(page.read_text(encoding="utf-8"))]
            found = [inner for path in there for inner in (path.glob("*.md") if path.is_dir() else [path]) if inner.suffix == ".md"]
            ahead += [path for path in found if path not in reached]
        assert set(PAGES) - reached == set()


@pytest.mark.parametrize("name", NAMES)
def test_paths_exist(name: str) -> None:
    missing = []
    for span in spans(text_of(name)):
        top = span.split("/", 1)[0]
        if "/" in span and top in TOPS and re.fullmatch(r"[\w./-]+", span):
            missing += [] if (ROOT / span).exists() else [span]
        elif FILE.fullmatch(span):
            known = any((ROOT / place).exists() for place in (span, f"rules/content/{span}", f"storage/lua/{span}", f"docs/{span}"))
            missing += [] if known else [span]
    assert missing == []


def test_each_threat_is_kept_off_by_tests_that_run() -> None:
    table = text_of("docs/security.md").partition("## Threats")[2].partition("\n## ")[0]
    rows = {
        line.split("|")[1].strip(): re.findall(r"`([^`]+)`", line.split("|")[-2]) for line in table.splitlines() if line.startswith("| ")
    }
    rows.pop("threat")
    assert len(rows) > 15
    tests = {f"tests/{path.name}": path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")}
    for threat, named in rows.items():
        run = [name for name in named if re.search(r"^def test_", tests.get(name, ""), re.MULTILINE)]
        parts = {*named} - {*run}
        used = [
            name
            for name in parts
            if any(re.search(rf"\b{Path(name).stem}\b.* import|import {Path(name).stem}\b", text) for text in tests.values())
        ]
        assert named, threat
        assert {*run, *used} == {*named}, threat
        assert all((ROOT / name).is_file() for name in named), threat
    assert {name for name in tests if "security" in name} <= {name for named in rows.values() for name in named}


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name: str) -> None:
    code = code_of(text_of(name))
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?<![\w-])make ([a-z][\w-]*)", code)) - targets == set()
    assert [module for module in re.findall(r"python -m ([a-z_.]+)", code) if importlib.util.find_spec(module) is None] == []
    for command, rest in re.findall(r"run\.py ([a-z-]+)([^\n`]*)", code):
        assert command in run.main.commands
        found, words = run.main.commands[command], rest.split()
        while isinstance(found, click.Group) and words and words[0] in found.commands:
            found = found.commands[words.pop(0)]
        known = {option for parameter in found.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) - known == set()


def test_a_false_name_would_be_seen() -> None:
    page = "Say `make ru`, see `bot/nothing.py` and [that](nowhere.md).\n\n```sh\nmake tset\n```\n"
    assert re.findall(r"make (\w+)", code_of(page)) == ["ru", "tset"]
    assert spans(page) == ["make ru", "bot/nothing.py"]
    assert links(page) == ["nowhere.md"]


# Both languages say the same ----------------------------------------------------------------------------------------------------


def test_both_readmes_have_the_same_commands_sections_links_and_lists() -> None:
    english, chinese = text_of("README.md"), text_of("README.zh-CN.md")
    assert blocks(english) == blocks(chinese)
    for mark in (r"^## ", r"^\d+\. ", r"^- ", r"^\| "):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, chinese, re.MULTILINE)), mark
    assert [link for link in links(english) if "README" not in link] == [link for link in links(chinese) if "README" not in link]


# What a page tells you to do works ------------------------------------------------------------------------------------------------


def loads(folder: Path, text: str) -> Config:
    """The configuration in ``text``, with a value for every variable in it."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, {name: KEY if name.endswith("_KEY") else "secret" for name in re.findall(r"\$\{(\w+)\}", text)})


@pytest.mark.parametrize("name", [name for name in NAMES if blocks(text_of(name), "yaml")])
def test_examples_of_settings_load(name: str, tmp_path: Path) -> None:
    for _, code in blocks(text_of(name), "yaml"):
        assert loads(tmp_path, code).literal_secrets == ()


def test_the_first_group_of_the_readme_is_the_example_in_the_shipped_file(tmp_path: Path) -> None:
    shipped = text_of("config.yaml")
    example = re.search(r"^#  - name: live\n(?:#    .*\n)+", shipped, re.MULTILINE)
    assert example
    config = loads(tmp_path, shipped.replace(example[0], re.sub(r"^#", "", example[0], flags=re.MULTILINE)))
    assert [(channel.name, channel.kind) for channel in config.channels] == [("live", "aibot_ws")]
    named = set(re.findall(r"^(\w+)=", blocks(text_of("README.md"), "sh")[1][1], re.MULTILINE))
    assert named == set(re.findall(r"\$\{(\w+)\}", example[0]))


@pytest.fixture
def first_day(tmp_path: Path) -> Path:
    """A copy of the project with the files of docs/first-day.md in it."""
    ignored = shutil.ignore_patterns(".*_cache", "node_modules")
    for name in ("bot", "commands", "console", "handlers", "rules", "scheduler", "simulator", "storage", "tests", "tools", "docs"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("run.py", "config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for info, code in blocks(text_of("docs/first-day.md"), "python"):
        file = tmp_path / info.split("file=")[1]
        assert not file.exists(), f"{info} would overwrite a file"
        file.write_text(code, encoding="utf-8")
    return tmp_path


def done_in(folder: Path, *words: str) -> None:
    """Runs a Python module there, as a person would; fails with what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PROMETHEUS", "COV"))}
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_day_works(first_day: Path) -> None:
    done_in(first_day, "pytest", "-q", "-p", "no:cacheprovider", "tests/test_today.py")
    done_in(first_day, "ruff", "check", "handlers/today.py", "tests/test_today.py")
    done_in(first_day, "ruff", "format", "--check", "handlers/today.py", "tests/test_today.py")
    done_in(first_day, "tools.docs")
    assert "| `今天` | 几月几号，星期几 | `今天几号`、`星期几` |" in (first_day / "docs/commands.md").read_text(encoding="utf-8")
