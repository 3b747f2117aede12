"""The second view: jobs with live progress, failures with reasons, redrive, cancel, and what the browser remembers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from evaluation.datasets import SAMPLES_DIR
from tests.support.browser import choose
from tests.support.documents import png

BROKEN = ("broken.pdf", b"%PDF-1.7\nnothing that follows is a document\n")
NOTE_PROGRESS = """() => {
  window.progressSeen = [];
  new MutationObserver(() => {
    const bar = document.querySelector(".job [role=progressbar]");
    const now = bar && Number(bar.getAttribute("aria-valuenow"));
    if (bar && window.progressSeen.at(-1) !== now) window.progressSeen.push(now);
  }).observe(document.querySelector(".jobs"), { childList: true, subtree: true });
}"""


def small(number: int) -> tuple[str, bytes]:
    return f"{number}.png", png(f"Receipt {number}", f"Total JPY {number}00")


def submit(page: Page, *files: tuple[str, bytes]) -> Locator:
    choose(page, "jobs", *files)
    page.locator("#submit-job").click()
    job = page.locator(".job").first
    expect(job).to_be_visible()
    return job


def has_status(job: Locator, status: str) -> None:
    expect(job.locator(".pill[data-status]")).to_have_attribute("data-status", status)


class TestAJob:
    @pytest.mark.timeout(300)
    def test_its_progress_is_live_its_failure_has_a_reason_and_is_run_again(self, page: Page) -> None:
        page.goto("/#jobs")
        page.evaluate(NOTE_PROGRESS)
        documents = [(path.name, path.read_bytes()) for path in sorted(SAMPLES_DIR.glob("*ja.pdf"))]
        job = submit(page, BROKEN, *documents)
        has_status(job, "done")
        seen = page.evaluate("window.progressSeen")
        assert seen == sorted(seen)
        assert len(seen) > 1, "the card never showed the job under way"
        total = len(documents) + 1
        expect(job.locator(".counts")).to_contain_text(f"{total} of {total}")
        expect(job.locator("[data-count=done]")).to_contain_text(str(len(documents)))
        failed = job.locator(".result[data-status=failed]")
        expect(failed).to_contain_text("broken.pdf")
        expect(failed).to_contain_text("unreadable_document")
        expect(job.locator(".result[data-status=done]")).to_have_count(len(documents))
        expect(job.locator(".result", has_text="invoice_ja.pdf")).to_contain_text("¥436,040")
        job.get_by_role("button", name="Run failed ones again (1)").click()
        expect(job.locator(".job-title")).to_contain_text("run 2")
        has_status(job, "done")
        # The new line of the document stands in the old one's place.
        expect(failed).to_have_count(1)
        expect(job.locator(".result")).to_have_count(total)

    def test_its_results_are_there_one_by_one(self, page: Page) -> None:
        page.goto("/#jobs")
        page.get_by_text("Read", exact=True).first.wait_for()
        choose(page, "jobs", ("invoice.pdf", (SAMPLES_DIR / "invoice_ja.pdf").read_bytes()))
        page.get_by_label("Markdown").check()
        page.locator("#submit-job").click()
        result = page.locator(".result")
        expect(result).to_have_count(1)
        result.get_by_role("button", name="Fields").click()
        expect(result.locator('.field[data-field="total_amount"]')).to_contain_text("¥436,040")
        expect(result.locator(".edit-button")).to_have_count(0)
        with page.expect_download() as download:
            result.get_by_role("button", name="Download the JSON of invoice.pdf").click()
        assert download.value.suggested_filename == "invoice.json"
        assert json.loads(Path(download.value.path()).read_bytes())["fields"]["total_amount"]["value"] == 436040
        expect(result.get_by_role("link", name="Markdown")).to_have_attribute("href", re.compile("^http://127.0.0.1"))

    def test_it_is_remembered_by_this_browser_and_forgotten_when_told_so(self, page: Page) -> None:
        page.goto("/#jobs")
        job = submit(page, small(1))
        has_status(job, "done")
        page.reload()
        expect(page.locator(".job")).to_have_count(1)
        has_status(page.locator(".job"), "done")
        expect(page.locator(".job h3")).to_have_text("1.png")
        page.get_by_role("button", name="Show results").click()
        expect(page.locator(".result")).to_contain_text("1.png")
        page.get_by_role("button", name="Take off this list").click()
        expect(page.locator(".job")).to_have_count(0)
        page.reload()
        expect(page.get_by_text("None yet.")).to_be_visible()

    def test_it_can_be_cancelled(self, page: Page) -> None:
        page.goto("/#jobs")
        job = submit(page, *(small(number) for number in range(1, 25)))
        job.get_by_role("button", name="Cancel the job").click()
        has_status(job, "cancelled")
        expect(job.get_by_role("button", name="Run failed ones again")).to_have_count(0)

    def test_one_that_the_server_no_longer_has_says_so(self, page: Page) -> None:
        page.goto("/#jobs")
        gone = [{"id": f"job_{'0' * 32}", "title": "old.pdf", "files": 1, "createdAt": "2026-01-01T00:00:00Z"}]
        page.evaluate("(jobs) => localStorage.setItem('yomitori.jobs', JSON.stringify(jobs))", gone)
        page.reload()
        expect(page.locator(".job")).to_contain_text("The server no longer has this job.")


class TestTheForm:
    def test_several_files_in_the_first_view_become_a_job(self, page: Page) -> None:
        page.goto("/")
        choose(page, "read", small(1), small(2))
        expect(page).to_have_url(re.compile("#jobs$"))
        expect(page.locator(".file-list li")).to_have_count(2)
        page.get_by_role("button", name="Take 1.png off the list").click()
        expect(page.locator(".file-list li")).to_have_count(1)
        expect(page.locator("#submit-job")).to_have_text("Submit (1)")

    def test_what_the_server_refuses_stays_on_the_list(self, page: Page) -> None:
        page.goto("/#jobs")
        choose(page, "jobs", small(1), ("empty.pdf", b""))
        page.locator("#submit-job").click()
        expect(page.get_by_role("alert")).to_contain_text("file part 1 ('empty.pdf') is empty")
        expect(page.locator(".file-list li")).to_have_count(2)

    def test_a_job_that_is_sent_twice_is_one(self, page: Page) -> None:
        # The answer to the first is lost on its way; the form is sent again under the same key.
        page.goto("/#jobs")
        keys: list[str | None] = []

        def lose_once(route, request) -> None:
            keys.append(request.headers.get("idempotency-key"))
            if len(keys) == 1:
                route.fetch()
                route.abort()
            else:
                route.continue_()

        page.route("**/v1/jobs", lose_once)
        choose(page, "jobs", small(1))
        page.locator("#submit-job").click()
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".job")).to_have_count(1)
        assert keys[0] == keys[1]
        assert keys[0]
