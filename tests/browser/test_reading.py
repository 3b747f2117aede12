"""The first view in a real browser, before the real stack: a document, its fields, and where they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from evaluation.datasets import SAMPLES_DIR
from local_stack.stack import LocalStack
from tests.support.browser import choose, drop, opened_context
from tests.support.documents import png
from tests.support.stage_house import pages_pdf

INVOICE = (SAMPLES_DIR / "invoice_ja.pdf").read_bytes()
BROKEN = b"%PDF-1.7\nnothing that follows is a document\n"


def field(page: Page, name: str) -> Locator:
    return page.locator(f'.field[data-field="{name}"]')


def box(page: Page, name: str) -> Locator:
    return page.locator(f'.boxes [data-evidence="field:{name}"]')


def read(page: Page, content: bytes = INVOICE, name: str = "invoice.pdf") -> None:
    page.goto("/")
    choose(page, "read", (name, content))
    page.locator(".reading").wait_for()


@pytest.fixture(scope="module")
def invoice(browser: Browser, running_stack: LocalStack) -> Iterator[Page]:
    """A page with the invoice read, for tests that only look."""
    with opened_context(browser, running_stack) as context:
        page = context.new_page()
        read(page)
        yield page


def by_api(api: httpx.Client, content: bytes = INVOICE) -> dict[str, Any]:
    answer = api.post("/v1/ocr", params={"timeout_s": 30}, files={"file": ("invoice.pdf", content)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


class TestADroppedInvoice:
    def test_its_fields_are_shown_with_their_confidences(self, page: Page) -> None:
        page.goto("/")
        drop(page, INVOICE, "invoice.pdf")
        expect(page.locator(".progress-card")).to_contain_text("invoice.pdf")
        expect(field(page, "total_amount").locator(".value-link")).to_have_text("¥436,040")
        expect(field(page, "issuer_name")).to_contain_text("株式会社さくら見本製作所")
        expect(field(page, "due_date")).to_contain_text("2026-11-30")
        expect(field(page, "due_date").locator("q")).to_have_text("2026年11月30日")
        expect(field(page, "total_amount").locator(".confidence-number")).to_have_text(re.compile(r"^\d{2,3} %$"))
        expect(page.locator(".account")).to_contain_text("1234567")
        rows = page.locator("table.items tbody tr")
        expect(rows).to_have_count(8)
        expect(rows.nth(1)).to_contain_text("117,600")
        expect(page.locator(".document-facts")).to_contain_text("Invoice")

    def test_each_box_is_where_the_api_says_over_the_pages_image(self, invoice: Page, api: httpx.Client) -> None:
        page = invoice
        (sheet,), fields = by_api(api)["pages"], by_api(api)["fields"]
        shown = page.locator(".page img").evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
        assert shown == [sheet["width_px"], sheet["height_px"]]
        drawn, image = page.locator(".boxes").bounding_box(), page.locator(".page img").bounding_box()
        assert drawn == pytest.approx(image, abs=1)
        points = box(page, "total_amount").locator("polygon").get_attribute("points") or ""
        quad = [[float(number) for number in point.split(",")] for point in points.split()]
        assert np.array(quad) == pytest.approx(np.array(fields["total_amount"]["quad"]), abs=2)
        entries = [entry for answer in fields.values() for entry in (answer if isinstance(answer, list) else [answer])]
        expect(page.locator(".boxes .box")).to_have_count(sum(entry is not None for entry in entries))

    def test_hovering_lights_up_the_other_side_both_ways(self, invoice: Page) -> None:
        page = invoice
        lit = re.compile(r"\blit\b")
        field(page, "subtotal").hover()
        expect(box(page, "subtotal")).to_have_class(lit)
        expect(box(page, "tax_amount")).not_to_have_class(lit)
        box(page, "document_number").hover()
        expect(field(page, "document_number")).to_have_class(lit)
        expect(box(page, "subtotal")).not_to_have_class(lit)
        page.locator("table.items tbody tr").nth(2).hover()
        expect(page.locator('.boxes [data-evidence="field:line_items:2"]')).to_have_class(lit)

    def test_a_click_brings_the_other_side_into_view(self, page: Page) -> None:
        read(page)
        for _ in range(3):
            page.get_by_role("button", name="Larger").click()
        expect(page.locator(".viewer-zoom")).to_have_text("300 %")
        field(page, "due_date").locator(".value-link").click()
        frame = page.locator(".viewer-scroll")
        expect(box(page, "due_date")).to_be_in_viewport()
        page.wait_for_function(
            """([frame, box]) => {
              const [outer, inner] = [frame.getBoundingClientRect(), box.getBoundingClientRect()];
              return inner.top >= outer.top && inner.bottom <= outer.bottom && inner.left < outer.right;
            }""",
            arg=[frame.element_handle(), box(page, "due_date").element_handle()],
        )
        box(page, "due_date").click()
        expect(field(page, "due_date").locator(".value-link")).to_be_focused()
        expect(field(page, "due_date")).to_have_class(re.compile("chosen"))

    def test_its_text_is_linked_too(self, invoice: Page) -> None:
        page = invoice
        page.get_by_role("tab", name="Text").click()
        line = page.locator("button.line", has_text="請求書番号")
        line.click()
        expect(page.locator(".boxes .box-line.chosen title")).to_have_text(re.compile("請求書番号"))
        page.locator(".boxes .box-line").first.click()
        expect(page.locator("button.line").first).to_be_focused()


class TestWithTheKeyboardAlone:
    def test_from_the_file_to_a_corrected_field(self, page: Page) -> None:
        # Who listens has choosers caught from here on; told at the key alone, a busy browser may open its own instead.
        page.on("filechooser", lambda _: None)
        page.goto("/")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator("#view-read input[type=file]")).to_be_focused()
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files({"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": INVOICE})
        expect(page.locator(".document-title")).to_be_focused()
        self._tab_to(page, field(page, "subtotal").locator(".value-link"))
        expect(box(page, "subtotal")).to_have_class(re.compile(r"\blit\b"))
        page.keyboard.press("Enter")
        expect(box(page, "subtotal")).to_have_class(re.compile(r"\bchosen\b"))
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        editor = page.get_by_role("textbox", name="Correct Subtotal")
        expect(editor).to_be_focused()
        page.keyboard.type("a few yen")
        page.keyboard.press("Enter")
        expect(editor).to_have_attribute("aria-invalid", "true")
        page.keyboard.press("Control+A")
        page.keyboard.type("396,000")
        page.keyboard.press("Enter")
        expect(field(page, "subtotal")).to_contain_text("¥396,000")
        expect(field(page, "subtotal").get_by_role("button", name="Correct")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.type("1")
        page.keyboard.press("Escape")
        expect(field(page, "subtotal")).to_contain_text("¥396,000")

    def test_boxes_and_tabs_are_reached(self, page: Page) -> None:
        read(page)
        self._tab_to(page, box(page, "issuer_name"))
        expect(field(page, "issuer_name")).to_have_class(re.compile(r"\blit\b"))
        page.keyboard.press("Enter")
        expect(field(page, "issuer_name").locator(".value-link")).to_be_focused()
        page.locator("#tab-fields").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(page.locator("#tab-text")).to_have_attribute("aria-selected", "true")
        self._tab_to(page, page.locator("button.line").first)
        page.keyboard.press("ArrowDown")
        expect(page.locator("button.line").nth(1)).to_be_focused()

    def _tab_to(self, page: Page, target: Locator, *, most: int = 80) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if target.evaluate("(element) => element === document.activeElement"):
                return
        pytest.fail(f"the Tab key does not lead to {target}")


class TestFormats:
    @pytest.mark.parametrize(
        ("name", "file_name", "begins", "holds"),
        [
            ("json", "invoice.json", b"{", b'"total_amount"'),
            ("text", "invoice.txt", "請求書".encode(), b"436,040"),
            ("markdown", "invoice.md", b"#", b"| "),
            ("hocr", "invoice.hocr.html", b"<", b"ocr_page"),
            ("alto", "invoice.alto.xml", b"<?xml", b"<alto"),
            ("pdf", "invoice.pdf", b"%PDF", b"%%EOF"),
        ],
    )
    def test_each_is_downloaded(self, invoice: Page, name: str, file_name: str, begins: bytes, holds: bytes) -> None:
        page = invoice
        page.select_option("#export-format", name)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download", exact=True).click()
        assert download.value.suggested_filename == file_name
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(begins)
        assert holds in content
        expect(page.locator(".export-said")).to_have_text("Downloaded.")

    def test_the_json_is_what_the_api_answers(self, invoice: Page, api: httpx.Client) -> None:
        page = invoice
        page.select_option("#export-format", "json")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download", exact=True).click()
        saved, answered = json.loads(Path(download.value.path()).read_bytes()), by_api(api)
        assert saved.keys() == answered.keys()
        assert saved["pages"][0].keys() == answered["pages"][0].keys()
        assert saved["text"] == answered["text"]
        assert saved["document"] == answered["document"]

    def test_texts_are_copied(self, invoice: Page) -> None:
        page = invoice
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        for name, holds in [("markdown", "| 会議用テーブル"), ("json", '"document_type": "invoice"')]:
            page.select_option("#export-format", name)
            page.get_by_role("button", name="Copy").click()
            expect(page.locator(".export-said")).to_have_text("Copied.")
            assert holds in page.evaluate("navigator.clipboard.readText()")
        page.select_option("#export-format", "pdf")
        expect(page.get_by_role("button", name="Copy")).to_be_disabled()


class TestCorrections:
    def correct(self, page: Page) -> None:
        field(page, "total_amount").get_by_role("button", name="Correct").click()
        page.get_by_role("textbox", name="Correct Total to pay").fill("￥436,000円")
        page.keyboard.press("Enter")
        field(page, "due_date").get_by_role("button", name="Correct").click()
        page.get_by_label("Correct Due date").fill("")
        page.keyboard.press("Enter")
        page.get_by_role("button", name=re.compile("Correct Line items 2, Qty")).click()
        page.get_by_role("textbox", name="Correct Line items 2, Qty").fill("11")
        page.keyboard.press("Enter")

    def test_the_corrected_json_can_be_downloaded(self, page: Page) -> None:
        read(page)
        self.correct(page)
        bar = page.locator(".corrections-bar")
        expect(bar).to_contain_text("Corrections: 3")
        # This server stores nothing, so that nothing is offered to be saved: test_stored_documents.py.
        expect(bar.get_by_role("button", name="Save corrections")).to_have_count(0)
        with page.expect_download() as download:
            bar.get_by_role("button", name="Download corrected JSON").click()
        fields = json.loads(Path(download.value.path()).read_bytes())["fields"]
        assert (fields["total_amount"]["value"], fields["total_amount"]["corrected"]) == (436000, True)
        assert fields["total_amount"]["text"].startswith("¥436,040")
        assert fields["due_date"]["value"] is None
        assert fields["line_items"][1]["quantity"] == 11
        assert "corrected" not in fields["line_items"][0]
        bar.get_by_role("button", name="Discard").click()
        expect(bar).to_be_hidden()
        expect(field(page, "total_amount")).to_contain_text("¥436,040")


class TestSeveralPages:
    def test_they_are_paged_through_and_one_that_is_broken_says_so(self, page: Page) -> None:
        read(page, pages_pdf(["one 111", "two 222", "three 333"], broken=[2]), "three.pdf")
        position = page.locator(".viewer-position")
        expect(position).to_have_text("1 / 3")
        expect(page.locator(".notice")).to_contain_text("unreadable_page")
        page.locator(".viewer-scroll").focus()
        page.keyboard.press("ArrowRight")
        expect(position).to_have_text("2 / 3")
        expect(page.locator(".page-error")).to_contain_text("Page 2 could not be read.")
        page.keyboard.press("PageDown")
        expect(position).to_have_text("3 / 3")
        expect(page.locator(".page img")).to_have_attribute("alt", re.compile("Page 3"))
        page.keyboard.press("ArrowRight")
        expect(position).to_have_text("3 / 3")
        page.keyboard.press("PageUp")
        page.keyboard.press("ArrowLeft")
        expect(position).to_have_text("1 / 3")
        page.keyboard.press("+")
        expect(page.locator(".viewer-zoom")).to_have_text("150 %")
        page.keyboard.press("0")
        expect(page.locator(".viewer-zoom")).to_have_text("100 %")
        page.get_by_role("tab", name="Text").click()
        page.locator("button.line", has_text="333").click()
        expect(position).to_have_text("3 / 3")


class TestWhatGoesWrong:
    def test_a_broken_file(self, page: Page) -> None:
        page.goto("/")
        drop(page, BROKEN, "broken.pdf")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("The file is damaged")
        expect(alert).to_contain_text("unreadable_document")
        expect(alert).to_contain_text("req_")
        expect(alert.get_by_role("button", name="Try again")).to_have_count(0)
        choose(page, "read", ("receipt.pdf", (SAMPLES_DIR / "receipt_ja.pdf").read_bytes()))
        expect(field(page, "total_amount")).to_contain_text("¥33,000")
        expect(alert).to_have_count(0)

    def test_an_option_that_is_off_names_itself(self, page: Page) -> None:
        page.goto("/")
        page.get_by_text("Options").click()
        page.get_by_label("Pages (all if empty)").fill("7-1")
        choose(page, "read", ("invoice.pdf", INVOICE))
        expect(page.get_by_role("alert")).to_contain_text("parameter 'pages'")

    def test_a_server_that_does_not_answer(self, page: Page) -> None:
        page.goto("/")
        page.route("**/v1/ocr?*", lambda route: route.abort())
        choose(page, "read", ("invoice.pdf", INVOICE))
        expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
        page.unroute("**/v1/ocr?*")
        page.get_by_role("button", name="Try again").click()
        expect(field(page, "total_amount")).to_contain_text("¥436,040")

    def test_a_reading_that_is_given_up(self, page: Page) -> None:
        page.goto("/")
        page.route("**/v1/ocr?*", lambda _route: None)  # no answer comes
        choose(page, "read", ("invoice.pdf", INVOICE))
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".progress-card")).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)


class TestDoubt:
    def test_what_is_uncertain_says_so_in_words(self, page: Page) -> None:
        # A date that may have its day or its month first stays at 0.8 however well it was read.
        read(page, png("INVOICE No. 4711", "Date: 03/04/2026", "Total: 1,100.00"), "doubtful.png")
        date = field(page, "document_date")
        expect(date).to_contain_text("2026-04-03")
        expect(date.locator(".confidence-word")).to_have_text("check")
        expect(field(page, "document_number").locator(".confidence-word")).to_have_count(0)
        expect(box(page, "document_date")).to_have_class(re.compile(r"\blow\b"))
        outline = "(one) => getComputedStyle(one).strokeDasharray"
        assert box(page, "document_date").locator("polygon").evaluate(outline) != "none"
        assert box(page, "document_number").locator("polygon").evaluate(outline) == "none"

    def test_what_was_not_found_says_so(self, page: Page) -> None:
        read(page, (SAMPLES_DIR / "receipt_ja.pdf").read_bytes(), "receipt.pdf")
        expect(field(page, "due_date")).to_contain_text("not found")


@pytest.mark.parametrize("browser_settings", [{"viewport": {"width": 375, "height": 740}}])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_fits_a_telephone(page: Page, language: str) -> None:
    read(page)
    if language == "ja":
        page.locator("#language-button").click()
    for view in ("read", "jobs"):
        page.goto(f"/#{view}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
