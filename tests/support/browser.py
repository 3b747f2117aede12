"""A real Chromium, the system's own, driven by playwright; nothing is downloaded."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"no {PROGRAMS[0]} on this machine; on Debian: apt-get install {PROGRAMS[0]}"

PATIENCE_MS = 60_000
"""For one document on a machine that does other things too."""

_FLAGS = (
    "--no-sandbox",  # root may not have one; what is opened is our own page
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--font-render-hinting=none",
)
_DROP = """([element, name, type, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  for (const event of ["dragenter", "dragover", "drop"])
    element.dispatchEvent(new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def program() -> str | None:
    """Where the browser is; None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """The browser, for as long as it is used.

    No longer than one module: while it is there playwright's event loop runs in this thread, and no other can.
    """
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=_FLAGS) as browser:
        yield browser


@dataclass(kw_only=True)  # without slots: playwright leaves a note on whoever listens
class Complaints:
    """What a page must never do, noted as it happens."""

    allowed_origins: frozenset[str]
    faults: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Note of every page of a context: faults, what the policy stopped, and requests to strangers."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"fault: {error.error}"))
        context.on("request", self._request)
        context.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _console(self, message: ConsoleMessage) -> None:
        # Of a refusal that the page shows, the browser itself says so once more.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"blob", "data"} and f"{parts.scheme}://{parts.netloc}" not in self.allowed_origins:
            self.faults.append(f"request to {request.url}")


class Origins(Protocol):
    """Where the page and what it calls are."""

    @property
    def api_url(self) -> str:
        """The page's own."""
        ...

    @property
    def bulk_url(self) -> str:
        """The bulk API's."""
        ...


@contextmanager
def opened_context(browser: Browser, stack: Origins, **settings: object) -> Iterator[BrowserContext]:
    """A browser of nobody before, at the page of a stack; what it complained of fails the test at the end."""
    complaints = Complaints(allowed_origins=frozenset({stack.api_url, stack.bulk_url}))
    usual = {"base_url": stack.api_url, "locale": "en-US", "viewport": {"width": 1280, "height": 860}}
    with browser.new_context(**usual | settings) as context:
        context.set_default_timeout(PATIENCE_MS)
        complaints.watch(context)
        yield context
    assert complaints.faults == [], "\n".join(complaints.faults)


def drop(page: Page, content: bytes, name: str, media_type: str = "application/pdf") -> None:
    """Let go of a file over the page, as a hand would."""
    element = page.locator("main").element_handle()
    page.evaluate(_DROP, [element, name, media_type, base64.b64encode(content).decode()])


def choose(page: Page, view: str, *files: tuple[str, bytes]) -> None:
    """Choose files in a view (``read`` or ``jobs``)."""
    payloads = [{"name": name, "mimeType": "application/pdf", "buffer": content} for name, content in files]
    page.set_input_files(f"#view-{view} input[type=file]", payloads)
