"""Every command of docs/bulk.md does what the page says: its blocks are run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.datasets import SAMPLES_DIR
from local_stack.aws import notify_queue
from local_stack.plan import REPOSITORY_ROOT
from local_stack.ports import Ports
from tests.support.aws import free_port
from tests.support.bulk_house import OWN_BUCKET, QUEUE_PREFIX, WEBHOOK_SECRET, BulkHouse
from tests.support.command_line import ocr
from tests.support.waiting import wait_until

PAGE = REPOSITORY_ROOT / "docs" / "bulk.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMEOUT_S = 180
PATIENCE_S = 60.0


def blocks(language: str) -> list[str]:
    return [block for kind, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


def python_block(about: str) -> str:
    (found,) = (block for block in blocks("python") if about in block)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where whoever reads the page would stand."""
    shutil.copy(SAMPLES_DIR / "invoice_ja.pdf", tmp_path / "invoice.pdf")
    shutil.copy(SAMPLES_DIR / "receipt_ja.pdf", tmp_path / "receipt.pdf")
    # A refusal ends a script, which curl alone would not do.
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    return tmp_path


def environment(house: BulkHouse, folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        "PYTHONUTF8": "1",
        "OCR_JOBS_URL": house.api_url,
        "OCR_WEBHOOK_SECRET": WEBHOOK_SECRET,
    }


def here(block: str, house: BulkHouse) -> str:
    """The block with this house's addresses for those of ``make up``."""
    ports = Ports()
    return (
        block.replace(f"http://127.0.0.1:{ports.bulk_api}", house.api_url)
        .replace(f"http://127.0.0.1:{ports.aws}", house.aws.config.url)
        .replace('"yomitori-intake"', f'"{QUEUE_PREFIX}intake"')
    )


def run(command: list[str], script: str, house: BulkHouse, folder: Path) -> str:
    """Standard output; the test fails with the script's."""
    done = subprocess.run(
        command,
        input=here(script, house),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env=environment(house, folder),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the page's commands need curl and jq")
def test_the_shell_commands(bulk_house: BulkHouse, folder: Path) -> None:
    told = run(["bash", "-eu", "-o", "pipefail"], "".join(blocks("bash")), bulk_house, folder)
    assert "event: status" in told
    assert "1\tinvoice 7\tdone\t436040" in told
    assert len((folder / "results.ndjson").read_text(encoding="utf-8").splitlines()) == 1
    assert len((folder / "lines.ndjson").read_text(encoding="utf-8").splitlines()) == 2


def test_the_queue_as_an_interface(bulk_house: BulkHouse, folder: Path) -> None:
    notify_queue(bulk_house.aws.config, bucket=OWN_BUCKET, prefix="inbox/", queue_name=f"{QUEUE_PREFIX}intake")
    assert run([sys.executable], python_block("boto3"), bulk_house, folder) == "done 436040\n"

    def told_by_message() -> bool:
        lines = bulk_house.objects("results/default/by-source/").values()
        return any(b'"reference":"invoice 7"' in line for line in lines)

    wait_until(told_by_message, "the result of the producer's message", patience_s=PATIENCE_S)


def test_the_client(bulk_house: BulkHouse, folder: Path) -> None:
    told = run([sys.executable], python_block("JobsClient"), bulk_house, folder).splitlines()
    assert sorted(line.partition(" ")[2] for line in told[:2]) == ["invoice.pdf invoice", "receipt 4 receipt"]
    assert "done=2" in told[2]


def test_the_webhook_receiver(bulk_house: BulkHouse, folder: Path) -> None:
    port = free_port()
    script = python_block("standardwebhooks").replace("9000", str(port))
    output = folder / "receiver.txt"
    with (
        output.open("wb") as written,
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=written,
            stderr=subprocess.DEVNULL,
            env=environment(bulk_house, folder),
        ) as receiver,
    ):
        try:
            done = ocr(
                *("jobs", "submit", folder / "receipt.pdf", "--webhook-url", f"http://127.0.0.1:{port}/"),
                OCR_JOBS_URL=bulk_house.api_url,
            )
            assert done.returncode == 0, done.stderr
            wait_until(lambda: bool(output.read_text()), "the webhook", patience_s=PATIENCE_S)
        finally:
            receiver.kill()
    assert output.read_text().startswith(f"job.done {done.stdout.strip()} {{'total': 1,")
