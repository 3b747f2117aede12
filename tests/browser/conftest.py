"""A browser a module, a page a test; a page that complained, or called a stranger, fails its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local_stack.stack import LocalStack
from tests.support.browser import MISSING, PATIENCE_MS, chromium, opened_context, program


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
    with opened_context(browser, running_stack, **browser_settings) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
