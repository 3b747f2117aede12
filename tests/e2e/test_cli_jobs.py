"""``ocr jobs`` against the bulk road: real processes, real models, the local SQS and S3."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from evaluation.datasets import SAMPLES_DIR
from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local_stack.ports import LOOPBACK
from local_stack.service import Service
from local_stack.stack import LocalStack
from tests.support.command_line import ocr
from tests.support.waiting import wait_until

PATIENCE_S = 120.0
PDFS = sorted(SAMPLES_DIR.glob("*.pdf"))


def jobs(stack: LocalStack, *arguments: object) -> subprocess.CompletedProcess[str]:
    return ocr("jobs", *arguments, OCR_JOBS_URL=stack.bulk_url)


def submitted(stack: LocalStack, *arguments: object) -> str:
    """A new job's id."""
    done = jobs(stack, "submit", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@contextmanager
def paused(service: Service) -> Iterator[None]:
    """The process stands still, as on a machine that swaps."""
    pid = service.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def lines_of(output: bytes | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_folder_to_the_last_line(running_stack: LocalStack, tmp_path: Path) -> None:
    done = jobs(running_stack, "submit", SAMPLES_DIR, "--format", "markdown", "--wait")
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    assert f"{len(PDFS)} of {len(PDFS)} done" in done.stderr.splitlines()[-1]
    output = tmp_path / "results.ndjson"
    for _ in range(2):  # the second time nothing is left to do
        assert jobs(running_stack, "results", job_id, "-o", output).returncode == 0
    lines = {line["reference"]: line for line in lines_of(output.read_bytes())}
    assert sorted(lines) == [path.name for path in PDFS]
    invoice = lines["invoice_ja.pdf"]["result"]
    assert invoice["fields"]["total_amount"]["value"] == 436040
    markdown = httpx.get(invoice["links"]["markdown"], trust_env=False)
    assert markdown.status_code == 200
    assert "請求書" in markdown.text


def test_a_broken_document_among_good_ones(running_stack: LocalStack, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing that follows is a document\n")
    done = jobs(running_stack, "submit", broken, PDFS[0], "--schema", "none", "--wait")
    assert done.returncode == 1
    assert "1 of 2 done, 1 failed" in done.stderr
    job_id = done.stdout.strip()
    results = jobs(running_stack, "results", job_id)
    assert results.returncode == 1
    failed = next(line for line in lines_of(results.stdout) if line["status"] == "failed")
    assert (failed["reference"], failed["error"]["code"], failed["error"]["status"]) == (
        "broken.pdf",
        "unreadable_document",
        422,
    )
    again = jobs(running_stack, "redrive", job_id, "--wait")
    assert again.returncode == 1
    assert json.loads(again.stdout)["run"] == 2
    assert [line["sequence"] for line in lines_of(jobs(running_stack, "results", job_id).stdout)] == [1, 2, 3]


def test_a_list_of_objects(running_stack: LocalStack, tmp_path: Path) -> None:
    with closing(
        boto3.client(
            "s3",
            endpoint_url=f"http://{LOOPBACK}:{running_stack.ports.aws}",
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )
    ) as s3:
        s3.upload_file(str(PDFS[0]), "yomitori", "inbox/in/one.pdf")
    listed = tmp_path / "list.tsv"
    listed.write_text("s3://yomitori/inbox/in/one.pdf\tthe first\ns3://yomitori/inbox/missing.pdf\n", encoding="utf-8")
    job_id = submitted(running_stack, "--from", listed, "--schema", "none")
    results = jobs(running_stack, "results", job_id, "--follow")
    assert results.returncode == 1
    lines = {line["reference"]: line for line in lines_of(results.stdout)}
    assert lines["the first"]["status"] == "done"
    assert lines["s3://yomitori/inbox/missing.pdf"]["error"]["code"] == "invalid_request"


def test_what_the_server_refuses(running_stack: LocalStack) -> None:
    refused = jobs(running_stack, "submit", "s3://elsewhere/a.pdf")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "forbidden (403): documents[0]" in refused.stderr


def test_cancel(running_stack: LocalStack) -> None:
    with paused(running_stack.services["bulk-read"]):
        job_id = submitted(running_stack, *PDFS, "--priority", "low")
        done = jobs(running_stack, "cancel", job_id)
        assert done.returncode == 0
        job = json.loads(done.stdout)
        assert (job["status"], job["documents"]["cancelled"]) == ("cancelled", len(PDFS))
        assert jobs(running_stack, "results", job_id, "--follow").returncode == 1


@pytest.mark.parametrize("victims", [["bulk-api"], ["bulk-read", "bulk-structure", "bulk-dispatcher"]])
def test_who_follows_gets_every_line_once_whatever_dies(
    running_stack: LocalStack, tmp_path: Path, victims: list[str]
) -> None:
    documents = tmp_path / "in"
    documents.mkdir()
    for number in range(12):
        (documents / f"{number:02}.pdf").write_bytes(PDFS[number % len(PDFS)].read_bytes())
    job_id = submitted(running_stack, documents, "--schema", "none")
    output = tmp_path / "results.ndjson"
    command = [sys.executable, "-m", "ocr_client.cli", "jobs", "results", job_id, "-o", str(output), "--follow"]
    with subprocess.Popen([*command, "--url", running_stack.bulk_url]) as process:
        try:
            wait_until(lambda: output.exists() and output.stat().st_size > 0, "the first line", patience_s=PATIENCE_S)
            for name in victims:
                running_stack.services[name].kill()
                running_stack.services[name].start()
            running_stack.wait_ready()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    lines = lines_of(output.read_bytes())
    assert [line["sequence"] for line in lines] == list(range(1, 13))
    assert sorted(line["reference"] for line in lines) == [f"{number:02}.pdf" for number in range(12)]
