"""``python -m tests.support.jumping_roles ROLE …``: roles of the bulk road under a wall clock that jumps.

As ``python -m async_worker``, but the job store's clock is the machine's plus what the file named by ``CLOCK_VARIABLE``
holds, in seconds, read anew at every look. Durations are measured by the monotonic clock, which nobody can move.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ocr_core.adapters.job_store import store

CLOCK_VARIABLE = "FAULTS_CLOCK_FILE"


class JumpingClock:
    """``jobs.Clock`` that a file moves."""

    def __init__(self) -> None:
        self._file = Path(os.environ[CLOCK_VARIABLE])

    def now(self) -> datetime:
        """The machine's moment, and the file's offset."""
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text(encoding="ascii")))


def set_clock(file: Path, offset_s: float) -> None:
    """Let every process's clock jump, at once."""
    fresh = file.with_suffix(".new")
    fresh.write_text(str(offset_s), encoding="ascii")
    fresh.replace(file)


if __name__ == "__main__":
    store.SystemClock = JumpingClock  # type: ignore[misc, assignment]

    from async_worker.main import main
    from ocr_core.service import run_main

    run_main(main)
