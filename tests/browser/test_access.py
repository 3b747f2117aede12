"""Who uses the page, and who would misuse it: keys, hostile names, the policy, the two languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from evaluation.datasets import SAMPLES_DIR
from local_stack.stack import LocalStack
from tests.support.browser import choose
from tests.support.documents import png

HOSTILE = "<img src=x onerror=alert('name')><svg onload=alert(1)>.pdf"
RECEIPT = (SAMPLES_DIR / "receipt_ja.pdf").read_bytes()
REFUSAL = {
    "type": "urn:yomitori:problem:unauthenticated",
    "title": "An API key is needed",
    "status": 401,
    "detail": "the header Authorization carries no key of this server",
    "code": "unauthenticated",
    "request_id": "req_1",
}


class TestKeys:
    """Servers that check keys are another part's; what is tested is what the page does with a 401.

    Before real ones: test_stored_documents.py, test_jobs_with_keys.py.
    """

    @pytest.fixture
    def guarded(self, page: Page) -> list[str]:
        """Both APIs refuse who does not bring ``the-key``; told is what each request brought."""
        brought: list[str] = []

        def guard(route: Route) -> None:
            if route.request.method == "OPTIONS":
                route.continue_()
                return
            told = route.request.headers.get("authorization", "")
            brought.append(told)
            if told == "Bearer the-key":
                route.continue_()
                return
            headers = {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": "Retry-After",  # as the bulk API does
                "WWW-Authenticate": "Bearer",
            }
            route.fulfill(status=401, json=REFUSAL, content_type="application/problem+json", headers=headers)

        page.route("**/v1/**", guard)
        return brought

    def give(self, page: Page, key: str) -> None:
        dialog = page.get_by_role("dialog", name="API key")
        expect(dialog).to_be_visible()
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_role("button", name="Use this key").click()

    def test_a_refused_document_is_sent_again_with_the_key(self, page: Page, guarded: list[str]) -> None:
        page.goto("/")
        # The list of schemas is refused too, but nobody is asked for a key before he does anything.
        page.wait_for_function("() => document.querySelectorAll('#view-read option[value=none]').length > 0")
        expect(page.get_by_role("dialog")).to_have_count(0)
        choose(page, "read", ("receipt.pdf", RECEIPT))
        self.give(page, "not-it")
        expect(page.get_by_role("dialog")).to_contain_text(REFUSAL["detail"])
        self.give(page, "the-key")
        expect(page.locator('.field[data-field="total_amount"]')).to_contain_text("¥33,000")
        assert guarded[-1] == "Bearer the-key"
        assert page.evaluate("sessionStorage.getItem('yomitori.key')") == "the-key"
        assert "the-key" not in page.evaluate("JSON.stringify(localStorage)")
        assert "the-key" not in page.url
        expect(page.locator("#key-button")).to_have_text("API key ✓")

    def test_jobs_and_their_events_carry_it_too(self, page: Page, guarded: list[str]) -> None:
        page.goto("/#jobs")
        choose(page, "jobs", ("1.png", png("Receipt 4711", "Total JPY 100")))
        page.locator("#submit-job").click()
        self.give(page, "the-key")
        expect(page.locator(".job .pill[data-status]")).to_have_attribute("data-status", "done")
        expect(page.locator(".result")).to_contain_text("1.png")
        assert set(guarded[-3:]) == {"Bearer the-key"}

    def test_who_has_none_is_told_so(self, page: Page, guarded: list[str]) -> None:
        page.goto("/")
        choose(page, "read", ("receipt.pdf", RECEIPT))
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("alert")).to_contain_text("This server wants an API key.")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert set(guarded) == {""}

    def test_a_key_is_forgotten_when_told_so(self, page: Page) -> None:
        page.goto("/")
        page.locator("#key-button").click()
        self.give(page, "the-key")
        page.locator("#key-button").click()
        page.get_by_role("button", name="Forget it").click()
        expect(page.locator("#key-button")).to_have_text("API key")
        assert page.evaluate("sessionStorage.getItem('yomitori.key')") is None


class TestHostileNames:
    """A dialog that opened, or a request for `x`, would fail the test by itself (conftest.py)."""

    def test_in_the_first_view(self, page: Page) -> None:
        page.goto("/")
        choose(page, "read", (HOSTILE, RECEIPT))
        expect(page.locator(".document-title")).to_have_text(HOSTILE)
        expect(page.locator("main img:not(.page img), main script")).to_have_count(0)

    def test_in_a_job(self, page: Page) -> None:
        page.goto("/#jobs")
        choose(page, "jobs", (HOSTILE, b"%PDF-1.7\nno document\n"))
        expect(page.locator(".file-list .file-name")).to_have_text(HOSTILE)
        page.locator("#submit-job").click()
        expect(page.locator(".result[data-status=failed]")).to_contain_text(HOSTILE)
        expect(page.locator(".job h3")).to_have_text(HOSTILE)
        page.reload()
        expect(page.locator(".job h3")).to_have_text(HOSTILE)
        expect(page.locator("main img, main script")).to_have_count(0)

    def test_in_a_document(self, page: Page) -> None:
        page.goto("/")
        choose(page, "read", ("a.png", png("<b>Total</b> JPY 100", "<img src=x>")))
        page.get_by_role("tab", name="Text").click()
        expect(page.locator("button.line").first).to_contain_text("Total")
        expect(page.locator(".panel img, .panel b")).to_have_count(0)


@pytest.mark.parametrize(
    "attack",
    [
        "document.body.innerHTML = '<img src=x>'",
        "document.body.insertAdjacentHTML('beforeend', '<p>')",
        "document.write('<p>')",
        "document.createElement('script').text = 'alert(1)'",
        "document.createElement('iframe').srcdoc = '<p>'",
    ],
)
def test_no_text_becomes_markup_or_code_whoever_tries(browser: Browser, running_stack: LocalStack, attack: str) -> None:
    # A page without the fixtures' watch: the browser complains of the attempt, as it should.
    with browser.new_page(base_url=running_stack.api_url) as page:
        page.goto("/")
        page.locator("h1:visible").wait_for()
        told = page.evaluate(
            f"() => {{ try {{ {attack}; return 'it worked'; }} catch (error) {{ return error.name; }} }}"
        )
        assert told == "TypeError"


class TestLanguages:
    @pytest.mark.parametrize("browser_settings", [{"locale": "ja-JP"}])
    def test_a_japanese_browser_is_spoken_to_in_japanese(self, page: Page) -> None:
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", "ja")
        expect(page.locator("h1:visible")).to_have_text("書類を読み取る")
        choose(page, "read", ("receipt.pdf", RECEIPT))
        total = page.locator('.field[data-field="total_amount"]')
        expect(total.locator(".field-name")).to_have_text("合計金額")
        expect(page.locator(".document-facts")).to_contain_text("領収書")
        expect(page.locator('.field[data-field="due_date"]')).to_contain_text("見つかりません")
        choose(page, "read", ("broken.pdf", b"%PDF-1.7"))
        expect(page.get_by_role("alert")).to_contain_text("ファイルが壊れているか、書類ではありません。")

    def test_the_switch_keeps_what_is_shown_and_is_remembered(self, page: Page) -> None:
        page.goto("/")
        choose(page, "read", ("receipt.pdf", RECEIPT))
        total = page.locator('.field[data-field="total_amount"]')
        expect(total.locator(".field-name")).to_have_text("Total to pay")
        page.locator("#language-button").click()
        expect(total.locator(".field-name")).to_have_text("合計金額")
        expect(total).to_contain_text("¥33,000")
        expect(page).to_have_title("読み取り – Yomitori")
        expect(page.locator("#language-button")).to_be_focused()
        page.reload()
        expect(page.locator("h1:visible")).to_have_text("書類を読み取る")
        page.locator("#language-button").click()
        expect(page.locator("h1:visible")).to_have_text("Read a document")

    def test_every_view_is_without_a_key_in_either_language(self, page: Page) -> None:
        # A sentence that is missing shows as its key: `jobs.lead`.
        for view in ("#read", "#jobs"):
            page.goto(f"/{view}")
            for _ in range(2):
                page.locator("#language-button").click()
                shown = page.locator("body").inner_text()
                assert re.findall(r"\b[a-z]+\.[a-z_.]+\b", shown.replace("openapi.json", "")) == []
