"""File openers under each launcher that can run on this machine, for the suites that all of them must pass."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from lambda_file_open.server import check
from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import (
    LOCAL_POOL_COMMAND,
    ConnectingLauncher,
    ExecutingLauncher,
    bwrap_command,
    bwrap_works,
)
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.page import PageError, PageImage
from ocr_core.contracts.ports import FileOpener

FORGING_POOL = (sys.executable, "-I", str(Path(__file__).parents[1] / "hostile" / "forging_pool.py"))
SERVER_COMMAND = (sys.executable, "-I", "-m", "lambda_file_open.server")
LAUNCHERS = ("process", "bwrap", "container", "lambda")
_TESTS = str(Path(__file__).parents[1])
_START_S = 30.0


@asynccontextmanager
async def launched(
    launcher: str,
    folder: Path,
    *,
    pool: Sequence[str] = LOCAL_POOL_COMMAND,
    server: Sequence[str] = SERVER_COMMAND,
    max_children: int = 3,
    max_waiting: int = 64,
) -> AsyncIterator[LocalFileOpener]:
    """An opener that is started.

    Args:
        launcher: One of ``LAUNCHERS``.
        folder: For the socket of a server.
        pool: What a launcher executes that executes pools.
        server: What stands for the container's command.
        max_children: Files open at once.
        max_waiting: Files that wait.
    """
    match launcher:
        case "process":
            way: ExecutingLauncher | ConnectingLauncher = ExecutingLauncher(pool)
        case "bwrap":
            if not bwrap_works():
                pytest.skip("bwrap is not installed or may not make namespaces (Debian: apt-get install bubblewrap)")
            way = ExecutingLauncher(bwrap_command(pool, more_paths=[_TESTS]))
        case _:
            way = ConnectingLauncher(folder / "socket")
    container = _container(server, folder) if launcher == "container" else None
    opener = LocalFileOpener(OpenerSettings(launcher=way, max_children=max_children, max_waiting=max_waiting))
    try:
        if container is not None:
            await serving(folder / "socket", container)
        await opener.start()
        yield opener
    finally:
        await opener.close()
        if container is not None:
            container.terminate()
            container.wait(10)


def _container(server: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """The server as its container has it: the root read-only, no network, no other process, no capability, a user of
    its own, one folder for the socket. Where namespaces cannot be made, the server alone."""
    inner = [*server, "--socket", str(folder / "socket")]
    walls = [
        *("bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"),
        *("--uid", "10001", "--gid", "10001", "--ro-bind", "/", "/", "--proc", "/proc"),
        *("--dev", "/dev", "--bind", str(folder), str(folder), "--chdir", "/", "--"),
    ]
    return subprocess.Popen([*(walls if bwrap_works() else []), *inner], stdin=subprocess.DEVNULL)


async def serving(socket_path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(_START_S):
        while not await asyncio.to_thread(check, socket_path):
            assert process.poll() is None, "the server ended"
            await asyncio.sleep(0.05)


async def read(
    opener: FileOpener,
    document: bytes,
    *,
    timeout_s: float = 30.0,
    limits: OpenLimits | None = None,
    text_layer: bool = False,
    pages: str | None = None,
) -> list[PageImage | PageError]:
    """All pages of a document."""
    async with opener.open(
        document,
        selection=PageSelection.parse(pages),
        limits=limits or OpenLimits(),
        deadline=Deadline.after(timeout_s),
        text_layer=text_layer,
    ) as opened:
        return [page async for page in opened.pages()]


async def assert_reads(opener: FileOpener, document: bytes, pixels: np.ndarray) -> None:
    """The document's only page has these pixels."""
    (page,) = await read(opener, document)
    assert isinstance(page, PageImage)
    np.testing.assert_array_equal(page.pixels, pixels)
