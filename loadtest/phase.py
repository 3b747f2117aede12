"""One phase of a load test: who sends what for how long. It reaches the load generator as a file of JSON.

::

    |-- lead in --|---------- measured ----------|-- run out --|   then: whatever is under way is waited for
      queues fill     what the report counts       still loaded,
                                                   not counted

What is counted came while the server was under the phase's load from before the request's arrival to well after it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

PHASE_FILE = "phase.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Who sends what for how long."""

    name: str
    rate_per_s: float | None = None
    """Arrivals of the open loop, in documents a second; null: a closed loop of ``callers``."""
    callers: int | None = None
    """Each sends a document, waits for its answer, and sends the next."""
    load: float | None = None
    """The rate as a multiple of the capacity."""
    lead_in_s: float = 5.0
    measured_s: float = 60.0
    run_out_s: float = 3.0
    seed: int = 0
    backlog: int = 0
    """So many documents of bulk jobs are kept waiting all through the phase; none where it is 0."""
    deadline_s: float | None = None
    """Of every request, instead of the documents' own."""

    def __post_init__(self) -> None:
        if (self.rate_per_s is None) == (self.callers is None):
            raise ValueError(f"phase {self.name}: either a rate or a number of callers")

    @property
    def sending_s(self) -> float:
        """How long requests are sent."""
        return self.lead_in_s + self.measured_s + self.run_out_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that the load generator needs for a phase."""

    phase: Phase
    api_url: str
    bulk_url: str | None
    corpus: Path
    sync_weights: dict[str, float]
    bulk_weights: dict[str, float]
    output: Path
    """The phase's folder: what was seen goes there."""

    def write(self) -> Path:
        """Write it into its output folder; the file's path."""
        self.output.mkdir(parents=True, exist_ok=True)
        file = self.output / PHASE_FILE
        content = {**asdict(self), "corpus": str(self.corpus), "output": str(self.output)}
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return file

    @classmethod
    def read(cls, file: Path) -> Order:
        """What ``write`` wrote."""
        content = json.loads(file.read_text(encoding="utf-8"))
        places = {"corpus": Path(content["corpus"]), "output": Path(content["output"])}
        return cls(**{**content, **places, "phase": Phase(**content["phase"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server under load, as far as it is known."""

    api_url: str
    bulk_url: str | None = None
    triton_metrics_url: str | None = None
    process_groups: dict[str, int] = field(default_factory=dict)
    """By service, where they run on this machine: as they were at the beginning."""
    note: Path | None = None
    """Of the stack that runs here, which tells of services that were started again."""
