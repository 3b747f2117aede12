"""The server under load: one that runs already, or one of our own, started as ``make up`` starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from loadtest.corpus import REPOSITORY
from loadtest.phase import Target

WITHOUT_MEMORY = {"OCR_REMEMBER_ENABLED": "false", "OCR_REMEMBER_SHARED": "false"}
START_TIMEOUT_S = 420.0
STOP_TIMEOUT_S = 120.0
_POLL_S = 0.2
_SHOWN_OF_LOG = 3_000


class ServerError(Exception):
    """There is no server to measure; the message says why."""


def running_stack(note: Path) -> Target:
    """The stack that ``python -m local_stack up`` left its note of.

    Raises:
        ServerError: there is no such note.
    """
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ServerError(f"no running stack: {note} cannot be read ({error})") from None
    return Target(
        api_url=content["api_url"],
        bulk_url=content["bulk_url"],
        triton_metrics_url=content.get("triton_metrics_url"),
        process_groups=content["process_groups"],
        note=note,
    )


def process_groups(target: Target) -> dict[str, int]:
    """The process groups of its services at this moment; services that ended are started again under another number."""
    if target.note is not None:
        with suppress(OSError, ValueError, KeyError):
            return dict(json.loads(target.note.read_text(encoding="utf-8"))["process_groups"])
    return target.process_groups


def measured_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What the stack is started with: over this process's environment, and with nothing remembered."""
    return {**os.environ, **settings, **WITHOUT_MEMORY}


@contextmanager
def own_stack(log: Path, *, settings: Mapping[str, str], options: tuple[str, ...] = ()) -> Iterator[Target]:
    """Start a stack on free ports, with data of its own, and stop it at the end.

    Args:
        log: Takes everything that it writes.
        settings: For its services, over this process's environment.
        options: For ``python -m local_stack up``.

    Raises:
        ServerError: it did not start.
    """
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="yomitori-load-")))
        output = exits.enter_context(log.open("wb"))
        note = folder / "stack.json"
        places = ("--data-dir", str(folder / "data"), "--state-file", str(note))
        process = subprocess.Popen(  # noqa: S603 - this project's own command
            [sys.executable, "-m", "local_stack", "up", "--free-ports", *places, *options],
            cwd=REPOSITORY,
            env=measured_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        exits.callback(_stop, process)
        _wait_for(note, process, log)
        yield running_stack(note)


def _wait_for(note: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    started_s = time.monotonic()
    while not note.exists():
        if process.poll() is not None or time.monotonic() - started_s > START_TIMEOUT_S:
            raise ServerError(f"the stack did not start:\n{log.read_text(errors='replace')[-_SHOWN_OF_LOG:]}")
        time.sleep(_POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
        return
    # Its watcher ends what it started.
    process.kill()
    process.wait()
