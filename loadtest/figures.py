"""The figures of a phase, out of its samples and its monitor's lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.estimates import Quantile, quantile
from loadtest.generator import started_s
from loadtest.phase import PHASE_FILE, Order, Phase
from loadtest.samples import BULK_FILE, Outcome, Sample, read_lines, read_samples
from loadtest.usage import MachineUsage, ModelUsage, ServiceUsage, Watch

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long answers took, in milliseconds from the intended arrival."""

    count: int
    p50: Quantile | None
    p90: Quantile | None
    p95: Quantile | None
    p99: Quantile | None
    max: float | None

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Latency:
        """Of these requests."""
        return cls.of_ms([sample.latency_s * 1000 for sample in samples])

    @classmethod
    def of_ms(cls, values: Sequence[float]) -> Latency:
        """Of these times."""
        quantiles = {name: quantile(values, share) for name, share in SHARES.items()}
        return cls(count=len(values), max=max(values, default=None), **quantiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """Of one kind of document."""

    requests: int
    in_time: int
    refused: int
    latency_ms: Latency
    """Of those that were accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFigures:
    """Of the bulk jobs beside the sync requests."""

    documents_per_s: float
    failed: int
    queued_least: int
    """Documents that waited, at the emptiest moment: above 0, the queue never ran dry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFigures:
    """Of the measured part of a phase."""

    name: str
    load: float | None
    callers: int | None
    seconds: float
    requests: int
    offered_per_s: float
    """Documents; of a closed loop, those that ended."""
    offered_pages_per_s: float
    goodput_per_s: float
    """Documents answered within their deadline."""
    goodput_pages_per_s: float
    in_time: int
    late: int
    """Answered, but after the deadline."""
    refused: int
    failed: int
    errors: dict[str, int]
    """Refusals among them, by status and code."""
    accepted_ms: Latency
    """Everything that was not refused: what came to nothing took its time as well."""
    one_page_ms: Latency
    """Of those, documents of one page."""
    refused_ms: Latency
    beyond_deadline: int
    """Accepted requests that ended, in whatever way, after their deadline and a tenth of a second."""
    by_kind: dict[str, KindFigures]
    lag_ms: Latency
    """How much later than intended requests left: the load generator's own delay, which is in every latency."""
    services: dict[str, ServiceUsage]
    machine: MachineUsage | None
    models: dict[str, ModelUsage]
    bulk: BulkFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """All that was seen of a phase, in its own time: zero is its beginning."""

    phase: Phase
    samples: tuple[Sample, ...]
    """All of them, in the order of their intended arrivals."""
    started_s: float
    watch: Watch
    bulk: tuple[dict[str, float], ...]

    @property
    def window_s(self) -> tuple[float, float]:
        """What is measured."""
        return self.phase.lead_in_s, self.phase.lead_in_s + self.phase.measured_s

    @property
    def counted(self) -> list[Sample]:
        """Requests that arrived in the measured time; of a closed loop, without arrivals, those that ended in it."""
        begin_s, end_s = (self.started_s + at_s for at_s in self.window_s)
        if self.phase.callers is not None:
            return [sample for sample in self.samples if begin_s <= sample.ended_s < end_s]
        return [sample for sample in self.samples if begin_s <= sample.intended_s < end_s]


GRACE_S = 0.1
"""Of a deadline: an answer that left the server in time is still on its way."""


def read_phase(folder: Path) -> PhaseRecord:
    """What ``generator.carry_out`` left."""
    began_s = started_s(folder)
    return PhaseRecord(
        phase=Order.read(folder / PHASE_FILE).phase,
        samples=tuple(read_samples(folder)),
        started_s=began_s,
        watch=Watch(folder, started_s=began_s),
        bulk=tuple({**line, "at_s": line["at_s"] - began_s} for line in read_lines(folder / BULK_FILE)),
    )


def phase_figures(record: PhaseRecord) -> PhaseFigures:
    """The figures of a phase."""
    phase, counted = record.phase, record.counted
    begin_s, end_s = record.window_s
    in_time = [sample for sample in counted if sample.in_time]
    accepted = [sample for sample in counted if sample.outcome is not Outcome.REFUSED]
    refused = [sample for sample in counted if sample.outcome is Outcome.REFUSED]
    outcomes = Counter(sample.outcome for sample in counted)
    errors = Counter(f"{sample.status} {sample.code}" for sample in counted if sample.outcome is not Outcome.ANSWERED)
    watched = bool(record.watch.services)
    return PhaseFigures(
        name=phase.name,
        load=phase.load,
        callers=phase.callers,
        seconds=phase.measured_s,
        requests=len(counted),
        offered_per_s=len(counted) / phase.measured_s,
        offered_pages_per_s=sum(sample.pages for sample in counted) / phase.measured_s,
        goodput_per_s=len(in_time) / phase.measured_s,
        goodput_pages_per_s=sum(sample.pages for sample in in_time) / phase.measured_s,
        in_time=len(in_time),
        late=outcomes[Outcome.ANSWERED] - len(in_time),
        refused=len(refused),
        failed=outcomes[Outcome.FAILED],
        errors=dict(errors.most_common()),
        accepted_ms=Latency.of(accepted),
        one_page_ms=Latency.of([sample for sample in accepted if sample.pages == 1]),
        refused_ms=Latency.of(refused),
        beyond_deadline=sum(sample.latency_s > sample.deadline_s + GRACE_S for sample in accepted),
        by_kind=_by_kind(counted),
        lag_ms=Latency.of_ms([(sample.sent_s - sample.intended_s) * 1000 for sample in counted]),
        services=record.watch.usages(begin_s, end_s) if watched else {},
        machine=record.watch.machine(begin_s, end_s),
        models=record.watch.models(begin_s, end_s),
        bulk=_bulk(record, begin_s, end_s),
    )


def changed_texts(records: Sequence[PhaseRecord]) -> list[str]:
    """Documents that did not read the same every time: no load may change what is read."""
    texts: defaultdict[str, set[int]] = defaultdict(set)
    for record in records:
        for sample in record.samples:
            if sample.text_crc32 is not None:
                texts[sample.document].add(sample.text_crc32)
    return sorted(document for document, seen in texts.items() if len(seen) > 1)


def _by_kind(counted: Sequence[Sample]) -> dict[str, KindFigures]:
    kinds: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in counted:
        kinds[sample.kind].append(sample)
    return {
        kind: KindFigures(
            requests=len(samples),
            in_time=sum(sample.in_time for sample in samples),
            refused=sum(sample.outcome is Outcome.REFUSED for sample in samples),
            latency_ms=Latency.of([sample for sample in samples if sample.outcome is not Outcome.REFUSED]),
        )
        for kind, samples in sorted(kinds.items())
    }


def _bulk(record: PhaseRecord, begin_s: float, end_s: float) -> BulkFigures | None:
    inside = [line for line in record.bulk if begin_s <= line["at_s"] <= end_s]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]
    return BulkFigures(
        documents_per_s=(last["done"] - first["done"]) / (last["at_s"] - first["at_s"]),
        failed=int(last["failed"]),
        queued_least=int(min(line["queued"] for line in inside)),
    )
