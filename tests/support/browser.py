"""A browser that looks at pages, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None,
    reason="a browser looks at the page: apt-get install chromium, and pip install playwright",
)


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, meanwhile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Heard:
    """What pages complain of, and fetch, from when they are listened to."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.fetched: list[str] = []
        self._ears = {
            "console": lambda said: self.complaints.append(f"{said.type}: {said.text} {said.location}"),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "dialog": lambda dialog: self.complaints.append(f"dialog: {dialog.message}"),
            "request": lambda request: self.fetched.append(request.url),
        }

    def listen(self, page: Page) -> None:
        for name, ear in self._ears.items():
            page.on(name, ear)

    def leave(self, page: Page) -> None:
        for name, ear in self._ears.items():
            page.remove_listener(name, ear)
