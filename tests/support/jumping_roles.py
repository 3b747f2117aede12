"""``python -m tests.support.jumping_roles ROLE …``: roles of the bulk road under a wall clock that jumps.

As ``python -m async_worker``, but its clock is the machine's plus what the file named by ``CLOCK_VARIABLE`` holds, in
seconds, read anew at every look: ``SystemClock.now`` itself is another one, so that the store, the webhooks and what
deletes leftovers all jump, whoever made their clocks. That nothing else asks for the wall clock is a test beside the
jumps. Durations are measured by the monotonic clock, which nobody can move.

libfaketime would move it below Python, but Debian's 0.9.10 breaks ``time.sleep`` where the monotonic clock is left
alone: ``clock_nanosleep`` answers EINVAL.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ocr_core.adapters.job_store import store

CLOCK_VARIABLE = "FAULTS_CLOCK_FILE"


def jumping_now(clock: store.SystemClock) -> datetime:
    """The machine's moment, and the file's offset."""
    del clock
    offset_s = float(Path(os.environ[CLOCK_VARIABLE]).read_text(encoding="ascii"))
    return datetime.now(UTC) + timedelta(seconds=offset_s)


def set_clock(file: Path, offset_s: float) -> None:
    """Let every process's clock jump, at once."""
    fresh = file.with_suffix(".new")
    fresh.write_text(str(offset_s), encoding="ascii")
    fresh.replace(file)


if __name__ == "__main__":
    store.SystemClock.now = jumping_now  # type: ignore[method-assign]

    from async_worker.main import main
    from ocr_core.service import run_main

    run_main(main)
