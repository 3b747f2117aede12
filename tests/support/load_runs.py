"""Recorded phases of a load test, as the load generator and the monitor leave them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loadtest.phase import Order, Phase
from loadtest.resources import RESOURCES_FILE
from loadtest.samples import BULK_FILE, CLOCK_FILE, SAMPLES_FILE, LineWriter, Outcome, Sample

STARTED_S = 5_000.0
"""When recorded phases began, on their monotonic clock."""
MIB = 1 << 20


def sample(
    at_s: float, latency_s: float = 0.5, outcome: Outcome = Outcome.ANSWERED, *, lag_s: float = 0.0, **details: Any
) -> Sample:
    """A request that was meant to leave at ``at_s`` of its phase."""
    usual: dict[Outcome, tuple[int, str]] = {
        Outcome.ANSWERED: (200, "ok"),
        Outcome.REFUSED: (429, "overloaded"),
        Outcome.FAILED: (504, "deadline_exceeded"),
    }
    status, code = usual[outcome]
    intended_s = STARTED_S + at_s
    return Sample(
        **{
            "document": "pdf-1-00.pdf",
            "kind": "pdf-1",
            "pages": 1,
            "deadline_s": 5.0,
            "intended_s": intended_s,
            "sent_s": intended_s + lag_s,
            "ended_s": intended_s + latency_s,
            "status": status,
            "code": code,
            "outcome": outcome,
            **details,
        }
    )


def record(
    folder: Path,
    phase: Phase,
    samples: Sequence[Sample],
    *,
    resources: Sequence[dict[str, Any]] = (),
    bulk: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write a phase's folder; the folder."""
    order = Order(
        phase=phase,
        api_url="http://127.0.0.1:1",
        bulk_url=None,
        corpus=folder,
        sync_weights={"pdf-1": 1.0},
        bulk_weights={},
        output=folder,
    )
    order.write()
    (folder / CLOCK_FILE).write_text(json.dumps({"started_s": STARTED_S}))
    for name, lines in ((SAMPLES_FILE, samples), (RESOURCES_FILE, resources), (BULK_FILE, bulk)):
        with LineWriter(folder / name) as writer:
            for line in lines:
                writer.write(line)
    return folder


def look(
    at_s: float, *, memory_mib: float = 100.0, cpu_s: float | None = None, root: int = 7, descriptors: int = 20
) -> dict[str, Any]:
    """One line of the monitor: a service that uses half a core, and a model with three rows a batch."""
    service = {
        "root": root,
        "cpu_s": 0.5 * at_s if cpu_s is None else cpu_s,
        "memory_bytes": memory_mib * MIB,
        "descriptors": descriptors,
        "threads": 4,
        "processes": 1,
    }
    counters = {
        "requests": 2 * at_s,
        "failures": 0.0,
        "rows": 6 * at_s,
        "batches": 2 * at_s,
        "queue_us": 2 * at_s * 40_000,
        "compute_us": 2 * at_s * 90_000,
        "pending": 3.0,
    }
    return {
        "at_s": STARTED_S + at_s,
        "services": {"preprocess": service},
        "machine": {"idle_s": at_s, "steal_s": 0.25 * at_s, "cores": 2},
        "triton": {"text_recognition": counters},
    }


def looks(until_s: float, every_s: float = 2.0, one: Callable[[float], dict[str, Any]] = look) -> list[dict[str, Any]]:
    """The monitor's lines of a phase."""
    return [one(number * every_s) for number in range(int(until_s / every_s) + 1)]
