"""The blocks of docs/bulk.md, docs/client.md and the README do what the pages say: they are run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.datasets import SAMPLES_DIR
from local_stack.plan import REPOSITORY_ROOT
from local_stack.ports import Ports
from local_stack.stack import LocalStack
from tests.support.aws import free_port
from tests.support.command_line import ocr
from tests.support.waiting import wait_until

PAGE = REPOSITORY_ROOT / "docs" / "bulk.md"
CLIENT_PAGE = REPOSITORY_ROOT / "docs" / "client.md"
README = REPOSITORY_ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMEOUT_S = 180
PATIENCE_S = 60.0


def blocks(language: str, page: Path = PAGE) -> list[str]:
    return [block for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


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


def environment(stack: LocalStack, folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        "PYTHONUTF8": "1",
        "OCR_JOBS_URL": stack.bulk_url,
        "OCR_WEBHOOK_SECRET": stack.plan.environment["OCR_WEBHOOK_SECRET"],
    }


def here(block: str, stack: LocalStack) -> str:
    """The block with this stack's ports for those of ``make up``."""
    usual, free = Ports(), stack.ports
    for name in ("preprocess", "bulk_api", "aws"):
        block = block.replace(f"http://127.0.0.1:{getattr(usual, name)}", f"http://127.0.0.1:{getattr(free, name)}")
    return block


def run(command: list[str], script: str, stack: LocalStack, folder: Path) -> str:
    """Standard output; the test fails with the script's."""
    done = subprocess.run(
        command,
        input=here(script, stack),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env=environment(stack, folder),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="the pages' commands need curl and jq"
)


@needs_curl
def test_the_readmes_shell_commands(running_stack: LocalStack, folder: Path) -> None:
    told = run(["bash", "-eu", "-o", "pipefail"], "".join(blocks("bash", README)), running_stack, folder)
    assert "event: status" in told
    results = [line for line in told.splitlines() if line.startswith('{"sequence":')]
    assert len(results) == 2
    assert all('"status":"done"' in line for line in results)


def test_the_readmes_python(running_stack: LocalStack, folder: Path) -> None:
    assert "436040" in run([sys.executable], "".join(blocks("python", README)), running_stack, folder)


@needs_curl
def test_the_shell_commands(running_stack: LocalStack, folder: Path) -> None:
    told = run(["bash", "-eu", "-o", "pipefail"], "".join(blocks("bash")), running_stack, folder)
    assert "event: status" in told
    assert "1\tinvoice 7\tdone\t436040" in told
    assert len((folder / "results.ndjson").read_text(encoding="utf-8").splitlines()) == 1
    assert len((folder / "lines.ndjson").read_text(encoding="utf-8").splitlines()) == 2


def test_the_queue_as_an_interface(running_stack: LocalStack, folder: Path) -> None:
    # The last lines look the same document up again: what its producer's message made of it.
    look = """
import time
while (answer := json.loads(s3.get_object(Bucket="yomitori", Key=line)["Body"].read()))["reference"] != "invoice 7":
    time.sleep(0.2)
print(answer["status"], answer["reference"])
"""
    told = run([sys.executable], python_block("boto3") + look, running_stack, folder)
    assert told == "done 436040\ndone invoice 7\n"


def test_the_client(running_stack: LocalStack, folder: Path) -> None:
    told = run([sys.executable], python_block("JobsClient"), running_stack, folder).splitlines()
    assert sorted(line.partition(" ")[2] for line in told[:2]) == ["invoice.pdf invoice", "receipt 4 receipt"]
    assert "done=2" in told[2]


def test_the_clients_page(running_stack: LocalStack, folder: Path) -> None:
    told = run([sys.executable], "".join(blocks("python", CLIENT_PAGE)), running_stack, folder).splitlines()
    assert told[0] == "436040"
    assert "invoice receipt" in told
    assert "2 uploaded" in told
    assert told[-2:] == ["2 done", "done"]


def test_the_webhook_receiver(running_stack: LocalStack, folder: Path) -> None:
    port = free_port()
    script = python_block("standardwebhooks").replace("9000", str(port))
    output = folder / "receiver.txt"
    with (
        output.open("wb") as written,
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=written,
            stderr=subprocess.DEVNULL,
            env=environment(running_stack, folder),
        ) as receiver,
    ):
        try:
            done = ocr(
                *("jobs", "submit", folder / "receipt.pdf", "--webhook-url", f"http://127.0.0.1:{port}/"),
                OCR_JOBS_URL=running_stack.bulk_url,
            )
            assert done.returncode == 0, done.stderr
            wait_until(lambda: bool(output.read_text()), "the webhook", patience_s=PATIENCE_S)
        finally:
            receiver.kill()
    assert output.read_text().startswith(f"job.done {done.stdout.strip()} {{'total': 1,")
