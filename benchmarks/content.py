"""What a large FAQ costs to take in: reading each kind of file, putting it in force, and the longest that Redis is held up by it.

``python -m benchmarks.content --entries 100000``; needs the installed project, uses a temporary folder and a Redis of its own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from rules.contents import FAQ, dump, items_of, parse
from rules.entries import Entry
from rules.faq_sheets import WIDTHS, entries_of, rows_of
from rules.sheets import read_csv, read_excel, write_csv, write_excel
from storage.connection import Database
from storage.content import ContentStore
from storage.embedded import EmbeddedServer

T = TypeVar("T")


def timed(title: str, act: Callable[[], T]) -> T:
    """Does something, and prints what processor time it took."""
    began = time.process_time()
    done = act()
    print(f"{title:32} {time.process_time() - began:7.2f} s")
    return done


def make_faq(count: int) -> tuple[Entry, ...]:
    """Entries of the usual size: four wordings, a keyword, an answer of some eighty characters."""
    answer = "请在“我的订单”里点“申请退款”，1–3 个工作日到账。" * 3
    ways = "退钱", "退货款", "怎么退"
    return tuple(Entry(f"e{n}", f"第 {n} 号商品怎么退款", answer, tuple(f"{n} 号{way}" for way in ways), (f"退{n}",)) for n in range(count))


def read_files(faq: tuple[Entry, ...]) -> None:
    """Every kind of file, written and read."""
    text = timed("write YAML", lambda: dump(FAQ, faq))
    print(f"{'':32} {len(text.encode()) / 1e6:7.1f} MB")
    assert timed("read and check YAML", lambda: parse(FAQ, text)) == faq
    json = f"[{','.join(items_of(FAQ, faq).values())}]"
    assert timed("read and check JSON", lambda: parse(FAQ, json)) == faq
    table = timed("write CSV", lambda: write_csv(rows_of(faq)))
    assert timed("read and check CSV", lambda: entries_of([read_csv(table)], {})).entries == faq
    book = timed("write Excel", lambda: write_excel("问答", rows_of(faq), WIDTHS))
    assert timed("read and check Excel", lambda: entries_of(read_excel(book), {})).entries == faq


def put_in_force(faq: tuple[Entry, ...]) -> None:
    """All of it, then one entry of it."""
    items, now = items_of(FAQ, faq), datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        database = Database(server.url, timeout_s=10)
        store = ContentStore(database)
        for words in (("slowlog-log-slower-than", 0), ("slowlog-max-len", 10_000)):
            database.command("CONFIG", "SET", *words)
        timed("put in force", lambda: store.put("faq", items, "benchmark", now))
        timed("change all", lambda: store.put("faq", {id: f"{text} " for id, text in items.items()}, "benchmark", now))
        timed("change one", lambda: store.put("faq", {"e1": "x"}, "benchmark", now))
        timed("read all", lambda: store.items("faq"))
        longest: dict[str, int] = {}
        for _, _, took_us, words, *_ in database.command("SLOWLOG", "GET", 10_000):
            longest[words[0]] = max(longest.get(words[0], 0), int(took_us))
        for name in ("EVALSHA", "HSET", "HSCAN"):
            print(f"{f'longest {name} in Redis':32} {longest[name] / 1000:7.1f} ms")
        database.close()


def main() -> None:
    """Runs it all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=100_000)
    faq = make_faq(options.parse_args().entries)
    read_files(faq)
    put_in_force(faq)


if __name__ == "__main__":
    main()
