"""``make screenshots``: both views as the READMEs show them, taken of a stack that is started for it."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from evaluation.datasets import SAMPLES_DIR
from local_stack.plan import REPOSITORY_ROOT
from local_stack.stack import LocalStack
from tests.support.browser import MISSING, PATIENCE_MS, choose, chromium, opened_context, program

FOLDER = REPOSITORY_ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 860}
COLOURS = 96
"""Of the palette: the pages are text on paper, and the files are read over the network."""
LOCALES = {"": "en-US", "_ja": "ja-JP"}
BROKEN = ("scan-0412.pdf", b"%PDF-1.7\nnothing that follows is a document\n")


def main() -> int:
    """Take them, write them, say where."""
    path = program()
    if path is None:
        print(MISSING)  # noqa: T201
        return 1
    expect.set_options(timeout=PATIENCE_MS)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(bulk=True, data_dir=Path(folder)) as stack,
        chromium(path) as browser,
    ):
        for ending, locale in LOCALES.items():
            take(browser, stack, locale, ending)
    return 0


def take(browser: Browser, stack: LocalStack, locale: str, ending: str) -> None:
    """Both views in one language."""
    with opened_context(browser, stack, locale=locale, viewport=SIZE) as context:
        page = context.new_page()
        reading(page)
        write(page, f"page_read{ending}.png")
        jobs(page)
        write(page, f"page_jobs{ending}.png")


def reading(page: Page) -> None:
    """The bundled invoice, with the total in the light."""
    page.goto("/")
    choose(page, "read", ("invoice.pdf", (SAMPLES_DIR / "invoice_ja.pdf").read_bytes()))
    total = page.locator('.field[data-field="total_amount"]')
    total.locator(".value-link").click()
    page.locator(".document-head").evaluate("(head) => scrollTo(0, head.offsetTop - 70)")
    total.hover()
    expect(page.locator('.boxes [data-evidence="field:total_amount"]')).to_have_class("box box-field chosen lit")
    page.wait_for_timeout(300)  # for the colours' transition


def jobs(page: Page) -> None:
    """A job that has ended, with one document that failed."""
    page.goto("/#jobs")
    samples = [(path.name, path.read_bytes()) for path in sorted(SAMPLES_DIR.glob("*.pdf"))]
    choose(page, "jobs", *samples, BROKEN)
    page.locator("#submit-job").click()
    expect(page.locator(".job .pill[data-status]")).to_have_attribute("data-status", "done")
    expect(page.locator(".result")).to_have_count(len(samples) + 1)
    page.locator(".jobs-title").evaluate("(title) => scrollTo(0, title.offsetTop - 70)")


def write(page: Page, name: str) -> None:
    """What is in view, with a palette."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / name
    picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"wrote {path.relative_to(REPOSITORY_ROOT)}, {path.stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
