"""``make demo``'s own program: starts a stack, reads the sample, leaves files and no process behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from PIL import Image

from evaluation.datasets import REPOSITORY

pytestmark = pytest.mark.stack

TIMEOUT_S = 400


@pytest.mark.timeout(TIMEOUT_S + 20)
def test_demo() -> None:
    mark = uuid.uuid4().hex
    done = subprocess.run(
        [sys.executable, "-m", "evaluation.demo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "DEMO_TEST_MARK": mark, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "all 11 fields are as printed" in done.stdout
    folder = REPOSITORY / "out" / "demo"
    result = json.loads((folder / "invoice_ja.json").read_text(encoding="utf-8"))
    with Image.open(folder / "invoice_ja.png") as picture:
        page = result["pages"][0]
        assert picture.size == (page["width_px"], page["height_px"])
    assert not _processes_of(mark)


def _processes_of(mark: str) -> list[str]:
    """Command lines of processes that carry a mark in their environment, as the services of the demo do."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environment.read_bytes():
                found.append(environment.parent.joinpath("cmdline").read_text())
        except (OSError, ValueError):  # it ended, or it is somebody else's
            continue
    return found
