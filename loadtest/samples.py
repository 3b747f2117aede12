"""What was seen of each request: one line of JSON each, written as it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SAMPLES_FILE = "samples.jsonl"
BULK_FILE = "bulk.jsonl"
CLOCK_FILE = "clock.json"
"""When the phase began, on the same clock."""


class Outcome(StrEnum):
    """What became of a request."""

    ANSWERED = "answered"
    """200, and it was read."""
    REFUSED = "refused"
    """429 that says when to come again: the right answer of a full server."""
    FAILED = "failed"
    """Everything else, no answer at all among it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request. Times are of the monotonic clock of the machine that sent it, in seconds."""

    document: str
    kind: str
    pages: int
    deadline_s: float
    intended_s: float
    """When it should have been sent: latency counts from here, so that a late sender hides nothing."""
    sent_s: float
    ended_s: float
    status: int
    """Of HTTP; 0 where there was no answer."""
    code: str
    """What happened, in a word: of the problem description, or of the failure on the way."""
    outcome: Outcome
    server_ms: float | None = None
    """What the server says that it took; only for what was answered."""
    text_crc32: int | None = None
    """Of the text that was read: the same document reads the same under any load."""

    @property
    def latency_s(self) -> float:
        """From its intended arrival to the end of its answer."""
        return self.ended_s - self.intended_s

    @property
    def in_time(self) -> bool:
        """Whether it was answered within its deadline."""
        return self.outcome is Outcome.ANSWERED and self.latency_s <= self.deadline_s


class LineWriter:
    """Appends lines of JSON to a file; what was written survives the end of the process."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, entry: Sample | dict[str, Any]) -> None:
        """Append a line."""
        self._file.write(json.dumps(asdict(entry) if isinstance(entry, Sample) else entry) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file; none where there is no file."""
    if file.exists():
        with file.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def read_samples(folder: Path) -> list[Sample]:
    """The samples of a phase, by intended arrival."""
    samples = [Sample(**{**line, "outcome": Outcome(line["outcome"])}) for line in read_lines(folder / SAMPLES_FILE)]
    return sorted(samples, key=lambda sample: sample.intended_s)
