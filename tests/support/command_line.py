"""The ``ocr`` command line as a process."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.support.waiting import wait_until

TIMEOUT_S = 60
# Whoever runs the tests in the background has SIGINT ignored, and children inherit that.
INTERRUPTIBLE = """
import signal, sys
from ocr_client.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def ocr(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, output to pipes."""
    return subprocess.run(
        [sys.executable, "-m", "ocr_client.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
    )


def ocr_interrupted(*arguments: object, once: Callable[[], bool]) -> tuple[int, str]:
    """Press Ctrl-C as soon as ``once`` holds; exit status and standard error."""
    command = [sys.executable, "-c", INTERRUPTIBLE, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(once, "the moment to interrupt")
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=10)
        finally:
            process.kill()
    return process.returncode, stderr


def ocr_at_a_terminal(*arguments: object, status: int = 0) -> str:
    """What is shown where the output is a terminal; fails the test for another exit status than ``status``."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "ocr_client.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": "160"}
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65536):
            shown += part
    except OSError:  # how Linux says that the other end of a terminal was closed
        pass
    finally:
        os.close(controller)
    assert process.wait(TIMEOUT_S) == status, shown.decode("utf-8")
    return shown.decode("utf-8")
