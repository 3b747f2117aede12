"""Prints the bundled samples from their HTML: ``python -m evaluation.samples.build``.

Only whoever changes a sample runs this; the PDFs are committed. It needs Debian's ``chromium``,
``fonts-noto-cjk`` and ``fonts-ipafont`` (the fonts decide how the pages look; the subsets that a page uses are
embedded).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SAMPLES_DIR = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PRINT_TIMEOUT_S = 120


def print_pdf(html: Path, pdf: Path, *, browser: str) -> None:
    """Print one HTML file.

    Raises:
        RuntimeError: the browser wrote nothing.
    """
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={pdf.resolve()}",
            html.resolve().as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PRINT_TIMEOUT_S)  # noqa: S603
    if done.returncode != 0 or not pdf.exists():
        raise RuntimeError(f"{browser} printed no PDF of {html.name}: {done.stderr.decode(errors='replace')[-500:]}")


def main(arguments: list[str] | None = None) -> int:
    """Print every sample, or those named."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.samples.build", description=__doc__)
    parser.add_argument("names", nargs="*", help="samples to print (default: all), such as invoice_ja")
    names: list[str] = parser.parse_args(arguments).names
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        print("no chromium found (Debian: apt install chromium fonts-noto-cjk fonts-ipafont)", file=sys.stderr)
        return 1
    sources = [SAMPLES_DIR / f"{name}.html" for name in names] or sorted(SAMPLES_DIR.glob("*.html"))
    for html in sources:
        pdf = html.with_suffix(".pdf")
        print_pdf(html, pdf, browser=browser)
        print(f"{pdf.name}: {pdf.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
