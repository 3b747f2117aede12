"""The client as a wheel in an environment of its own: what it declares is what it needs, and its types come with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]

_LOOK = """
import asyncio, importlib.metadata, importlib.resources, sys
import ocr_client
assert ocr_client.__file__.startswith(sys.prefix), ocr_client.__file__
assert importlib.resources.files("ocr_client").joinpath("py.typed").is_file()
with ocr_client.OcrClient("http://127.0.0.1:1") as client, ocr_client.JobsClient("http://127.0.0.1:1"):
    assert not client.is_ready()
async def look():
    async with ocr_client.AsyncOcrClient("http://127.0.0.1:1") as client, ocr_client.AsyncJobsClient():
        assert not await client.is_ready()
asyncio.run(look())
print(importlib.metadata.version("yomitori-client"))
"""


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT.anchor,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def needed(lines: Sequence[str]) -> set[str]:
    """The distributions that requirements name, and all that these require in turn."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        requirement = waiting.pop()
        if requirement.name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(requirement.name)
            waiting += map(Requirement, distribution(requirement.name).requires or [])
    return found


def link_into(folder: Path, names: set[str]) -> None:
    """These distributions of our own environment, and no other, where a stranger's would have them."""
    for name in names:
        installed = distribution(name)
        for part in {path.parts[0] for path in installed.files or [] if path.parts[0] not in {"..", "__pycache__"}}:
            target = folder / part
            if not target.exists():
                target.symlink_to(Path(str(installed.locate_file(part))))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the client's wheel and what that declares."""
    folder = tmp_path_factory.mktemp("client")
    # The source is copied: a build leaves its traces beside it.
    run("cp", "-r", ROOT / "client", folder / "source")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, folder / "source")
    (wheel,) = folder.glob("yomitori_client-*-py3-none-any.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    run(*pip, "--python", folder / "venv", "install", "--no-deps", "--no-index", wheel)
    declared = run(
        folder / "venv/bin/python",
        "-c",
        "import importlib.metadata as m; print(*m.requires('yomitori-client'), sep='\\n')",
    )
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    link_into(packages, needed(declared.splitlines()))
    return folder / "venv"


def test_it_works_with_what_it_declares(environment: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run(environment / "bin/python", "-I", "-c", _LOOK))


def test_its_command_is_there(environment: Path) -> None:
    told = run(environment / "bin/ocr", "--help")
    assert "ocr" in told
    assert "jobs" in run(environment / "bin/ocr", "jobs", "--help")
