"""The browser of the tests, and what it shows.

Pictures are kept where somebody will look at them: ``make test BOT_PICTURES=artifacts``. Each costs as much as its page.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE_MS = 60_000
"""How long a page may take to show what is expected of it: nobody knows how busy the machine is."""
CHROMIUM = Path("/usr/bin/chromium")
FOLDER = os.environ.get("BOT_PICTURES", "")
"""Where pictures are kept, below the project unless absolute; nothing keeps none."""
# Nobody sees the browser's own bars and menus, and there is no graphics card: to imitate one costs more than to paint without.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-gpu-rasterization", "--disable-gpu-compositing", "--disable-background-networking",
    "--disable-features=InitialWebUI,WebUITabStrip,TabSearch,SidePanel,ReadAnything",
)  # fmt: skip


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A headless Chromium; its start takes a second, so a test module has one."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """Keeps what is seen, or the ``whole`` page, as the picture of this name."""
    if FOLDER:
        page.screenshot(path=Path(__file__).parent.parent / FOLDER / f"{name}.png", full_page=whole)
