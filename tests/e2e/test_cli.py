"""The ``ocr`` command line against the running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.datasets import SAMPLES_DIR
from local_stack.stack import LocalStack

TIMEOUT_S = 120


def ocr(stack: LocalStack, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ocr_client.cli", "--timeout", "30", *map(str, arguments)]
    environment = {**os.environ, "OCR_URL": stack.api_url, "PYTHONUTF8": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=TIMEOUT_S, env=environment, check=False
    )


def test_json(running_stack: LocalStack) -> None:
    done = ocr(running_stack, SAMPLES_DIR / "invoice_ja.pdf")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["document"]["file_name"] == "invoice_ja.pdf"
    assert result["fields"]["total_amount"]["value"] == 436040


@pytest.mark.parametrize("output_format", ["text", "markdown", "table"])
def test_formats_for_people(running_stack: LocalStack, output_format: str) -> None:
    done = ocr(running_stack, SAMPLES_DIR / "receipt_ja.pdf", "--format", output_format)
    assert done.returncode == 0
    assert "33,000" in done.stdout


def test_a_folder_into_a_folder(running_stack: LocalStack, tmp_path: Path) -> None:
    done = ocr(running_stack, SAMPLES_DIR, "--output", tmp_path, "--jobs", "3", "--schema", "none")
    assert (done.returncode, done.stdout) == (0, "")
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()}
    assert set(written) == {f"{pdf.name}.json" for pdf in SAMPLES_DIR.glob("*.pdf")}
    assert all(result["fields"] is None and result["pages"][0]["lines"] for result in written.values())


def test_a_broken_document_among_good_ones(running_stack: LocalStack, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing that follows is a document\n")
    done = ocr(running_stack, broken, SAMPLES_DIR / "receipt_ja.pdf")
    assert done.returncode == 1
    assert "unreadable_document (422)" in done.stderr
    assert json.loads(done.stdout)["document"]["file_name"] == "receipt_ja.pdf"


def test_a_parameter_that_is_off(running_stack: LocalStack) -> None:
    done = ocr(running_stack, SAMPLES_DIR / "receipt_ja.pdf", "--pages", "7")
    assert done.returncode == 1
    assert "invalid_request (400)" in done.stderr
