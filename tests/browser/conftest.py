"""A browser a module, a page a test; a page that complained, or called a stranger, fails its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local_stack.stack import LocalStack
from tests.support.browser import MISSING, Complaints, chromium, program

PATIENCE_MS = 60_000
"""For one document on a machine that does other things too."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = program()
    if path is None:
        pytest.skip(MISSING)
    expect.set_options(timeout=PATIENCE_MS)
    with chromium(path) as started:
        yield started


@pytest.fixture
def browser_settings() -> dict[str, object]:
    """Of the context; a test's own parametrisation replaces it."""
    return {}


@pytest.fixture
def context(
    browser: Browser, running_stack: LocalStack, browser_settings: dict[str, object]
) -> Iterator[BrowserContext]:
    settings = {"base_url": running_stack.api_url, "locale": "en-US", "viewport": {"width": 1280, "height": 860}}
    complaints = Complaints(allowed_origins=frozenset({running_stack.api_url, running_stack.bulk_url}))
    with browser.new_context(**settings | browser_settings) as opened:
        opened.set_default_timeout(PATIENCE_MS)
        complaints.watch(opened)
        yield opened
    assert complaints.faults == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
