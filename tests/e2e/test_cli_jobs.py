"""``ocr jobs`` against the bulk road: real processes, real models, the local SQS and S3."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from evaluation.datasets import SAMPLES_DIR
from tests.support.bulk_house import DOCUMENTS_BUCKET, BulkHouse
from tests.support.command_line import ocr
from tests.support.waiting import wait_until

PATIENCE_S = 120.0
PDFS = sorted(SAMPLES_DIR.glob("*.pdf"))


def jobs(house: BulkHouse, *arguments: object) -> subprocess.CompletedProcess[str]:
    return ocr("jobs", *arguments, OCR_JOBS_URL=house.api_url)


def submitted(house: BulkHouse, *arguments: object) -> str:
    """A new job's id."""
    done = jobs(house, "submit", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def lines_of(output: bytes | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_folder_to_the_last_line(bulk_house: BulkHouse, tmp_path: Path) -> None:
    done = jobs(bulk_house, "submit", SAMPLES_DIR, "--format", "markdown", "--wait")
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    assert f"{len(PDFS)} of {len(PDFS)} done" in done.stderr.splitlines()[-1]
    output = tmp_path / "results.ndjson"
    for _ in range(2):  # the second time nothing is left to do
        assert jobs(bulk_house, "results", job_id, "-o", output).returncode == 0
    lines = {line["reference"]: line for line in lines_of(output.read_bytes())}
    assert sorted(lines) == [path.name for path in PDFS]
    invoice = lines["invoice_ja.pdf"]["result"]
    assert invoice["fields"]["total_amount"]["value"] == 436040
    markdown = httpx.get(invoice["links"]["markdown"], trust_env=False)
    assert markdown.status_code == 200
    assert "請求書" in markdown.text


def test_a_broken_document_among_good_ones(bulk_house: BulkHouse, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing that follows is a document\n")
    done = jobs(bulk_house, "submit", broken, PDFS[0], "--schema", "none", "--wait")
    assert done.returncode == 1
    assert "1 of 2 done, 1 failed" in done.stderr
    job_id = done.stdout.strip()
    results = jobs(bulk_house, "results", job_id)
    assert results.returncode == 1
    failed = next(line for line in lines_of(results.stdout) if line["status"] == "failed")
    assert (failed["reference"], failed["error"]["code"], failed["error"]["status"]) == (
        "broken.pdf",
        "unreadable_document",
        422,
    )
    again = jobs(bulk_house, "redrive", job_id, "--wait")
    assert again.returncode == 1
    assert json.loads(again.stdout)["run"] == 2
    assert [line["sequence"] for line in lines_of(jobs(bulk_house, "results", job_id).stdout)] == [1, 2, 3]


def test_a_list_of_objects(bulk_house: BulkHouse, tmp_path: Path) -> None:
    bulk_house.s3.upload_file(str(PDFS[0]), DOCUMENTS_BUCKET, "in/one.pdf")
    listed = tmp_path / "list.tsv"
    listed.write_text(
        f"s3://{DOCUMENTS_BUCKET}/in/one.pdf\tthe first\ns3://{DOCUMENTS_BUCKET}/in/missing.pdf\n", encoding="utf-8"
    )
    job_id = submitted(bulk_house, "--from", listed, "--schema", "none")
    results = jobs(bulk_house, "results", job_id, "--follow")
    assert results.returncode == 1
    lines = {line["reference"]: line for line in lines_of(results.stdout)}
    assert lines["the first"]["status"] == "done"
    assert lines[f"s3://{DOCUMENTS_BUCKET}/in/missing.pdf"]["error"]["code"] == "invalid_request"


def test_what_the_server_refuses(bulk_house: BulkHouse) -> None:
    refused = jobs(bulk_house, "submit", "s3://elsewhere/a.pdf")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "forbidden (403): documents[0]" in refused.stderr


def test_cancel(bulk_house: BulkHouse) -> None:
    bulk_house.running["read-1"].pause()
    bulk_house.running["read-2"].pause()
    job_id = submitted(bulk_house, *PDFS, "--priority", "low")
    done = jobs(bulk_house, "cancel", job_id)
    assert done.returncode == 0
    job = json.loads(done.stdout)
    assert (job["status"], job["documents"]["cancelled"]) == ("cancelled", len(PDFS))
    assert jobs(bulk_house, "results", job_id, "--follow").returncode == 1


@pytest.mark.parametrize("victims", [["api"], ["read-1", "read-2", "structure-1"]])
def test_who_follows_gets_every_line_once_whatever_dies(
    bulk_house: BulkHouse, tmp_path: Path, victims: list[str]
) -> None:
    documents = tmp_path / "in"
    documents.mkdir()
    for number in range(12):
        (documents / f"{number:02}.pdf").write_bytes(PDFS[number % len(PDFS)].read_bytes())
    job_id = submitted(bulk_house, documents, "--schema", "none")
    output = tmp_path / "results.ndjson"
    command = [sys.executable, "-m", "ocr_client.cli", "jobs", "results", job_id, "-o", str(output), "--follow"]
    with subprocess.Popen([*command, "--url", bulk_house.api_url]) as process:
        try:
            wait_until(lambda: output.exists() and output.stat().st_size > 0, "the first line", patience_s=PATIENCE_S)
            for name in victims:
                bulk_house.running[name].kill()
            bulk_house.restart_dead()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    lines = lines_of(output.read_bytes())
    assert [line["sequence"] for line in lines] == list(range(1, 13))
    assert sorted(line["reference"] for line in lines) == [f"{number:02}.pdf" for number in range(12)]
