"""A browser without a window, and pages opened in it that must neither complain nor ask anybody for anything.

The environment variable SIMMIG_BROWSER names the browser, a Chromium: where it is set, what is missing is an error.
Without it one on the PATH is used, and without that, or without playwright, these tests are skipped.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KNOWN = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 60_000  # on a machine that does much else


# Not for the whole session: while playwright runs, no other test of the process can run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser, started once for all tests of a file."""
    wanted = os.environ.get("SIMMIG_BROWSER")
    found = shutil.which(wanted) if wanted else next(filter(None, map(shutil.which, KNOWN)), None)
    if found is None:
        complain = pytest.fail if wanted else pytest.skip
        complain(f"no browser: SIMMIG_BROWSER={wanted!r}, and none of {', '.join(KNOWN)} on the PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        complain = pytest.fail if wanted else pytest.skip
        complain(f"the pages are not opened in a browser: {error}")
    with sync_playwright() as playwright:
        # In a container there is no sandbox to be had, and the pages are our own.
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@dataclass
class Opened:
    """A page with what it complained of and what it asked for."""

    page: Any
    complaints: list[str]
    requests: list[str]

    def move_to(self, time_s: float) -> None:
        """Show this time of the run."""
        self.page.evaluate("time => simmigReplay.moveTo(time)", time_s)

    def wait_for(self, condition: str) -> None:
        """Wait until this is true in the page (playwright's own way needs eval, which the page's policy forbids)."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < until, condition
            self.page.wait_for_timeout(50)

    def shown(self, name: str, pane: int = 0) -> str:
        """The text of a figure above the map."""
        cells = self.page.locator(".pane").nth(pane).locator(".strip dl div")
        return cells.filter(has=self.page.locator("dt", has_text=name).first).first.locator("dd").inner_text()


@pytest.fixture
def open_page(browser: Any) -> Callable[..., Any]:
    """open_page(file, **context): the page of a file, to be used with `with`; checks at the end that it was quiet."""

    @contextmanager
    def opened(file: Path, **settings: Any) -> Iterator[Opened]:
        context = browser.new_context(viewport={"width": 1280, "height": 720}, **settings)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        found = Opened(page, [], [])
        page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (found.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: found.requests.append(request.url))
        page.goto(file.as_uri())
        found.wait_for("Boolean(window.simmigReplay?.page.rsuList)")
        yield found
        context.close()
        assert found.complaints == []
        assert found.requests == [file.as_uri()]

    return opened
