"""Many documents to PDF in one run of the browser: its start costs a second, a document a few hundredths."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evaluation.generator.compose import ComposedDocument, print_file
from evaluation.generator.fonts import browser

PRINT_TIMEOUT_S = 300


class PrintingFailed(Exception):
    """The browser printed no PDF."""


def print_pdf(documents: Sequence[ComposedDocument], pdf: Path) -> None:
    """Print documents one after the other into one PDF.

    Raises:
        GeneratorNotReady: there is no browser.
        PrintingFailed: it wrote nothing; its last words.
    """
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "documents.html"
        html.write_text(print_file(documents), encoding="utf-8")
        command = [
            browser(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={pdf.resolve()}",
            html.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PRINT_TIMEOUT_S)  # noqa: S603
    if done.returncode != 0 or not pdf.exists():
        raise PrintingFailed(f"no PDF of {len(documents)} documents: {done.stderr.decode(errors='replace')[-500:]}")
