"""The note that ``up`` leaves for ``down``: who supervises, and where everything listens."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

DEFAULT_STATE_FILE = Path(".run") / "stack.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """A running stack."""

    supervisor_pid: int
    supervisor_start_ticks: int
    """Tells the supervisor from a later process with the same number."""
    api_url: str
    bulk_url: str
    structure_url: str
    triton_grpc_url: str
    process_groups: dict[str, int]
    stop_timeout_s: float
    """How long ``down`` waits for the end of everything."""
    triton_metrics_url: str | None = None
    """Where Triton's Prometheus metrics are; null in notes of older versions."""

    def is_running(self) -> bool:
        """Whether that very supervisor still lives."""
        return start_ticks(self.supervisor_pid) == self.supervisor_start_ticks

    def write(self, path: Path) -> None:
        """Leave the note; a reader never sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> StackState | None:
        """The note, if there is one and it can be read."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where there is no such process or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # Fields 3 (state) and 22 (starttime) of proc(5), counted from after the command's closing bracket.
    return None if fields[0] == "Z" else int(fields[19])


def end_supervisor(state: StackState) -> bool:
    """Ask a stack's supervisor to stop everything; true once it is gone, false if it takes longer than it said."""
    if state.is_running():
        os.kill(state.supervisor_pid, signal.SIGTERM)
    give_up_s = time.monotonic() + state.stop_timeout_s
    while state.is_running():
        if time.monotonic() > give_up_s:
            return False
        time.sleep(0.1)
    return True
