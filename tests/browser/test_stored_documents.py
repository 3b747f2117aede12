"""Corrections are saved with the document, in a real browser: the sync service beside a bulk API, with keys on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from local_stack.aws import AwsServer
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.settings import AccessSettings, BulkSettings
from tests.integration.test_stored_documents_roads import settings_of
from tests.support.access import add_key, add_tenant
from tests.support.aws import free_port
from tests.support.browser import choose, opened_context
from tests.support.bulk_api import TENANT, ApiHouse, open_api_house
from tests.support.job_stores import RULES
from tests.support.stage_house import pages_pdf
from tests.support.sync_house import SyncHouse

DOCUMENT = pages_pdf(["one 111"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Storing:
    """Two services that store documents of one tenant."""

    api_url: str
    bulk_url: str
    key: str
    house: ApiHouse


@pytest.fixture(scope="module")
def storing(tmp_path_factory: pytest.TempPathFactory, aws_server: AwsServer) -> Iterator[Storing]:
    folder = tmp_path_factory.mktemp("storing")
    database = f"sqlite:///{folder / 'jobs.sqlite3'}"
    upgrade(database)
    with SqlJobStore(database, rules=RULES) as store, open_api_house(store, aws_server) as house:
        add_tenant(house.accounts, TENANT, retention_days=7)
        key = add_key(house.accounts, TENANT)
        bulk_port = free_port()
        settings = settings_of(
            house,
            aws_server,
            OCR_DOCUMENTS_RETENTION_DAYS="0",  # the tenant's own policy says it
            OCR_ACCESS_KEYS="true",
            OCR_PAGE_BULK_URL=f"http://127.0.0.1:{bulk_port}",
        )
        # The bucket is made by the bulk API, which is told of the page's origin: so the page's service comes second.
        port = free_port()
        bulk = house.serve(
            BulkSettings().model_copy(update={"cors_origins": (f"http://127.0.0.1:{port}",)}),
            access=AccessSettings().model_copy(update={"keys": True}),
            port=bulk_port,
        )
        with SyncHouse(folder=folder, page_s=0.01, settings={**settings, "OCR_PREPROCESS_PORT": str(port)}) as sync:
            yield Storing(api_url=sync.url, bulk_url=bulk.url, key=key, house=house)


@pytest.fixture
def page(browser: Browser, storing: Storing) -> Iterator[Page]:
    with opened_context(browser, storing) as context:
        yield context.new_page()


def put_right(page: Page, to: str) -> None:
    field = page.locator('.field[data-field="issuer_name"]')
    field.get_by_role("button", name="Correct").click()
    page.get_by_role("textbox", name="Correct Issuer").fill(to)
    page.keyboard.press("Enter")


def test_what_is_put_right_is_saved_with_the_document(page: Page, storing: Storing) -> None:
    page.goto("/")
    choose(page, "read", ("one.pdf", DOCUMENT))
    dialog = page.get_by_role("dialog", name="API key")
    dialog.get_by_label("Key", exact=True).fill(storing.key)
    dialog.get_by_role("button", name="Use this key").click()
    expect(page.locator(".document-facts")).to_contain_text("stored until")
    (document,) = storing.house.documents.list(TENANT)

    def made() -> list[tuple[str, object]]:
        return [(each.path, each.value) for each in storing.house.documents.corrections([document.id])]

    put_right(page, "株式会社見本")
    bar = page.locator(".corrections-bar")
    bar.get_by_role("button", name="Save corrections").click()
    expect(bar).to_contain_text("Saved with the document.")
    assert made() == [("issuer_name", {"value": "株式会社見本"})]
    (correction,) = storing.house.documents.corrections([document.id])
    assert correction.by.key_id == storing.key.split("_")[1]
    # What the server has is not sent again; what was set back is.
    put_right(page, "株式会社見本二")
    bar.get_by_role("button", name="Save corrections").click()
    expect(bar).to_contain_text("Saved with the document.")
    bar.get_by_role("button", name="Discard").click()
    bar.get_by_role("button", name="Save corrections").click()
    expect(bar).to_contain_text("Saved with the document.")
    assert made()[1:] == [("issuer_name", {"value": "株式会社見本二"}), ("issuer_name", None)]
    # The other formats of the same document are not kept once more.
    page.select_option("#export-format", "text")
    with page.expect_download():
        page.get_by_role("button", name="Download", exact=True).click()
    assert [each.id for each in storing.house.documents.list(TENANT)] == [document.id]


def test_a_refusal_is_told_where_it_happened(page: Page, storing: Storing) -> None:
    page.goto("/")
    page.evaluate("key => sessionStorage.setItem('yomitori.key', key)", storing.key)
    page.reload()
    choose(page, "read", ("one.pdf", DOCUMENT))
    field = page.locator('.field[data-field="phone"]')
    field.get_by_role("button", name="Correct").click()
    page.get_by_role("textbox", name="Correct Telephone").fill("no number")
    page.keyboard.press("Enter")
    bar = page.locator(".corrections-bar")
    bar.get_by_role("button", name="Save corrections").click()
    expect(bar).to_contain_text("corrections[0].value: a phone number")
    expect(bar.get_by_role("button", name="Save corrections")).to_be_enabled()
