"""What a phase's monitor wrote, as series and as sums: CPU, memory and descriptors by service, Triton's counters."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.resources import GENERATOR, RESOURCES_FILE
from loadtest.samples import read_lines
from loadtest.triton_metrics import COUNTERS

MIB = float(1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUsage:
    """Of one service, over the measured part of a phase."""

    cores: float
    """CPU seconds a second."""
    cpu_s: float
    memory_peak_mib: float
    memory_growth_mib: float
    """From the first quarter of the time to the last, medians of each."""
    descriptors_peak: int
    starts: int
    """How often it was started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """Of one model in Triton, over the measured part of a phase."""

    requests_per_s: float
    rows_per_request: float
    rows_per_batch: float
    """Images in what the model runs at once."""
    requests_per_batch: float
    """Above 1 where Triton put requests of several pages together."""
    queue_ms: float
    """Mean wait of a request."""
    compute_ms: float
    """Mean, of a request in the model itself."""
    pending_peak: float
    failures: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineUsage:
    """What became of the whole machine's cores, over the measured part of a phase."""

    cores: int
    idle_cores: float
    steal_cores: float
    """Given to other virtual machines by the host."""
    other_cores: float
    """Taken by processes that are neither the server's nor the load generator's."""


class Watch:
    """The monitor's lines of one phase."""

    def __init__(self, folder: Path, *, started_s: float) -> None:
        """Read them; ``started_s`` becomes zero."""
        self._lines: list[dict[str, Any]] = list(read_lines(folder / RESOURCES_FILE))
        self.times_s: NDArray[np.float64] = np.array([line["at_s"] - started_s for line in self._lines], np.float64)

    @property
    def services(self) -> list[str]:
        """Their names, as far as any were seen."""
        return list(self._lines[0]["services"]) if self._lines else []

    @property
    def cores(self) -> int:
        """Of the machine; 0 if nothing was seen."""
        return int(self._lines[0]["machine"]["cores"]) if self._lines else 0

    def series(self, service: str, name: str) -> NDArray[np.float64]:
        """One figure of a service at each of ``times_s``."""
        return np.array([line["services"].get(service, {}).get(name, np.nan) for line in self._lines], np.float64)

    def cpu_series_s(self, service: str) -> NDArray[np.float64]:
        """CPU seconds since the first line. A service that was started again goes on from where it was."""
        steps = np.diff(self.series(service, "cpu_s"))
        return np.concatenate([[0.0], np.cumsum(np.where(steps > 0, steps, 0.0))])

    def usage(self, service: str, begin_s: float, end_s: float) -> ServiceUsage:
        """What a service took between two times."""
        inside = self._inside(begin_s, end_s)
        memory = self.series(service, "memory_bytes")[inside] / MIB
        quarter = max(1, len(memory) // 4)
        cpu = self.cpu_series_s(service)
        begin, end = np.interp([begin_s, end_s], self.times_s, cpu)
        return ServiceUsage(
            cores=float(end - begin) / (end_s - begin_s),
            cpu_s=float(end - begin),
            memory_peak_mib=float(memory.max()),
            memory_growth_mib=float(np.median(memory[-quarter:]) - np.median(memory[:quarter])),
            descriptors_peak=int(self.series(service, "descriptors")[inside].max()),
            starts=len(set(self.series(service, "root"))) - 1,
        )

    def usages(self, begin_s: float, end_s: float) -> dict[str, ServiceUsage]:
        """Of all services, the load generator's own last."""
        names = sorted(self.services, key=lambda name: name == GENERATOR)
        return {name: self.usage(name, begin_s, end_s) for name in names}

    def machine(self, begin_s: float, end_s: float) -> MachineUsage | None:
        """What became of the machine's cores; None where nothing was seen."""
        if not self.services:
            return None
        idle, steal = (self._machine_cores(name, begin_s, end_s) for name in ("idle_s", "steal_s"))
        ours = sum(usage.cores for usage in self.usages(begin_s, end_s).values())
        return MachineUsage(
            cores=self.cores, idle_cores=idle, steal_cores=steal, other_cores=max(0.0, self.cores - idle - steal - ours)
        )

    def _machine_cores(self, name: str, begin_s: float, end_s: float) -> float:
        counted = np.array([line["machine"][name] for line in self._lines], np.float64)
        begin, end = np.interp([begin_s, end_s], self.times_s, counted)
        return float(end - begin) / (end_s - begin_s)

    @property
    def model_names(self) -> list[str]:
        """Of Triton's models, as far as its metrics were read."""
        return sorted({model for line in self._lines for model in line.get("triton", {})})

    def models(self, begin_s: float, end_s: float) -> dict[str, ModelUsage]:
        """What each model did between two times; nothing where Triton's metrics were not read."""
        return {model: self._model(model, begin_s, end_s) for model in self.model_names}

    def _model(self, model: str, begin_s: float, end_s: float) -> ModelUsage:
        begin, end = self._counters_at(model, begin_s), self._counters_at(model, end_s)
        inside = zip(self._lines, self._inside(begin_s, end_s), strict=True)
        pending = [line.get("triton", {}).get(model, {}).get("pending", 0.0) for line, take in inside if take]
        return ModelUsage(
            requests_per_s=(end["requests"] - begin["requests"]) / (end_s - begin_s),
            rows_per_request=_ratio(begin, end, "rows", "requests"),
            rows_per_batch=_ratio(begin, end, "rows", "batches"),
            requests_per_batch=_ratio(begin, end, "requests", "batches"),
            queue_ms=_ratio(begin, end, "queue_us", "requests") / 1000,
            compute_ms=_ratio(begin, end, "compute_us", "requests") / 1000,
            pending_peak=max(pending),
            failures=end["failures"] - begin["failures"],
        )

    def _counters_at(self, model: str, at_s: float) -> dict[str, float]:
        """Its counters, between two looks in proportion."""
        seen = [
            (when_s, line["triton"][model])
            for when_s, line in zip(self.times_s, self._lines, strict=True)
            if model in line.get("triton", {})
        ]
        times = [when_s for when_s, _ in seen]
        return {
            name: float(np.interp(at_s, times, [counters.get(name, 0.0) for _, counters in seen]))
            for name in COUNTERS.values()
        }

    def model_series(self, model: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Between each two lines: when, a request's mean wait in milliseconds, and rows in a batch."""
        pairs = [
            ((before + after) / 2, earlier["triton"][model], later["triton"][model])
            for (before, earlier), (after, later) in itertools.pairwise(zip(self.times_s, self._lines, strict=True))
            if model in earlier.get("triton", {}) and model in later.get("triton", {})
        ]
        times = np.array([at for at, _, _ in pairs], np.float64)
        waits = np.array([_ratio(a, b, "queue_us", "requests") / 1000 for _, a, b in pairs], np.float64)
        rows = np.array([_ratio(a, b, "rows", "batches") for _, a, b in pairs], np.float64)
        return times, waits, rows

    def _inside(self, begin_s: float, end_s: float) -> NDArray[np.bool_]:
        inside = (self.times_s >= begin_s) & (self.times_s <= end_s)
        # A phase shorter than the monitor's interval: all there is.
        return inside if inside.any() else np.ones_like(inside)


def _ratio(first: dict[str, float], last: dict[str, float], above: str, below: str) -> float:
    """How much one counter grew for each step of another; not a number where that stood still."""
    steps = last.get(below, 0.0) - first.get(below, 0.0)
    return (last.get(above, 0.0) - first.get(above, 0.0)) / steps if steps > 0 else float("nan")
