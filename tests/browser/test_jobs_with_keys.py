"""The view of jobs before a real bulk API that demands keys, at another origin than the page's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from local_stack.aws import AwsServer
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.contracts.access import Scope
from ocr_core.settings import AccessSettings, BulkSettings
from tests.integration.test_stored_documents_roads import settings_of
from tests.support.access import add_key, add_tenant
from tests.support.aws import free_port
from tests.support.browser import choose, opened_context
from tests.support.bulk_api import TENANT, ApiHouse, open_api_house
from tests.support.job_stores import RULES, send
from tests.support.stage_house import pages_pdf
from tests.support.sync_house import SyncHouse

DOCUMENT = pages_pdf(["one 111"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """Both services, with keys on."""

    api_url: str
    bulk_url: str
    house: ApiHouse


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, aws_server: AwsServer) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    database = f"sqlite:///{folder / 'jobs.sqlite3'}"
    upgrade(database)
    with SqlJobStore(database, rules=RULES) as store, open_api_house(store, aws_server) as house:
        add_tenant(house.accounts, TENANT)
        port = free_port()
        bulk = house.serve(
            BulkSettings().model_copy(update={"cors_origins": (f"http://127.0.0.1:{port}",)}),
            access=AccessSettings().model_copy(update={"keys": True}),
        )
        # The page finds the bulk API as it does behind docker-compose: by its port on the same machine.
        settings = settings_of(
            house,
            aws_server,
            OCR_ACCESS_KEYS="true",
            OCR_PREPROCESS_PORT=str(port),
            OCR_PAGE_BULK_PORT=str(bulk.port),
        )
        with SyncHouse(folder=folder, page_s=0.01, settings=settings) as sync:
            yield Guarded(api_url=sync.url, bulk_url=bulk.url, house=house)


@pytest.fixture
def page(browser: Browser, guarded: Guarded) -> Iterator[Page]:
    with opened_context(browser, guarded) as context:
        yield context.new_page()


def give(page: Page, key: str) -> None:
    dialog = page.get_by_role("dialog", name="API key")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Use this key").click()


def test_a_job_is_sent_and_followed_with_a_key_that_the_server_knows(page: Page, guarded: Guarded) -> None:
    house = guarded.house
    page.goto("/#jobs")
    choose(page, "jobs", ("one.pdf", DOCUMENT))
    page.locator("#submit-job").click()
    dialog = page.get_by_role("dialog", name="API key")
    expect(dialog).to_be_visible()
    assert send(house.store) == []
    # A wrong one is refused with the server's own reason.
    give(page, add_key(house.accounts, TENANT, revoked=True))
    expect(dialog).to_contain_text("the API key has been revoked")
    assert send(house.store) == []
    give(page, add_key(house.accounts, TENANT, Scope.BULK))
    pill = page.locator(".job .pill[data-status]")
    expect(pill).to_have_attribute("data-status", "queued")
    # Its events, which come by the same key, tell of the end.
    house.finish(1)
    expect(pill).to_have_attribute("data-status", "done")
    expect(page.locator(".result")).to_contain_text("one.pdf")
