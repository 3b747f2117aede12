"""The latency benchmark's figures, and how they are written down."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evaluation.markdown import number, table

API = "API over HTTP"
BARE_ONE_BY_ONE = "bare models, one by one"
BARE_AT_ONCE = "bare models, all at once"
DEFAULTS = "RapidOCR-OpenVINO, defaults"
FASTEST = "RapidOCR-OpenVINO, fastest settings"
SMALLER = "RapidOCR-OpenVINO, fastest, detector as small as ours"
BARE_ROWS = (BARE_ONE_BY_ONE, BARE_AT_ONCE)


@dataclass(slots=True, kw_only=True)
class Row:
    """One contender: seconds of every reading, and 1 − CER, by page."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    accuracy: dict[str, float] = field(default_factory=dict)

    def median_s(self, pages: Sequence[str]) -> float:
        """Mean over pages of their medians."""
        return statistics.fmean(statistics.median(self.seconds[page]) for page in pages)

    def p90_s(self, pages: Sequence[str]) -> float:
        """Mean over pages of their 90th percentiles."""
        return statistics.fmean(percentile(self.seconds[page], 90) for page in pages)


@dataclass(slots=True, kw_only=True)
class Report:
    """A run's figures."""

    machine: Mapping[str, str]
    rounds: int
    rows: dict[str, Row] = field(default_factory=dict)
    stages_ms: list[dict[str, float]] = field(default_factory=list)
    """``timing_ms`` of every answer of the API."""
    calls: dict[str, str] = field(default_factory=dict)
    """What each page sends to the models."""
    fastest_settings: dict[str, Any] = field(default_factory=dict)

    @property
    def pages(self) -> list[str]:
        """The pages' names, in order."""
        return list(self.rows[API].seconds)

    def limit_s(self, page: str) -> float:
        """Median of the bare models on one page: the better way of calling them."""
        return min(self.rows[name].median_s([page]) for name in BARE_ROWS)

    def markdown(self) -> str:
        """Every table."""
        settings = ", ".join(f"{name} = {value}" for name, value in self.fastest_settings.items())
        return "\n\n".join(
            [
                "### One warm A4 page at 200 dpi: mean over pages",
                self._overall_table(),
                "### By page: medians in ms, and the API's ratio to the limit and to the peer",
                self._page_table(),
                "### Where the API's time goes (median, ms, as it reports itself; stages may overlap)",
                self._stage_table(),
                "\n".join([f"- fastest RapidOCR settings found: {settings}", *self._notes()]),
            ]
        )

    def write(self, folder: Path) -> None:
        """Write ``bench.json`` and ``bench.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        ratios = {page: self._ratios(page) for page in self.pages}
        content = {**asdict(self), "api_ratios_by_page": ratios}
        (folder / "bench.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        (folder / "bench.md").write_text(self.markdown() + "\n", encoding="utf-8")

    def _overall_table(self) -> str:
        pages, api_s = self.pages, self.rows[API].median_s(self.pages)
        rows = [
            [
                name,
                number(row.median_s(pages) * 1000, digits=0),
                number(row.p90_s(pages) * 1000, digits=0),
                number(api_s / row.median_s(pages), digits=2),
                number(statistics.fmean(row.accuracy.values()) if row.accuracy else None),
            ]
            for name, row in self.rows.items()
        ]
        return table(["", "p50 ms", "p90 ms", "API ÷ this", "1−CER"], rows)

    def _page_table(self) -> str:
        peers = (DEFAULTS, FASTEST, SMALLER)
        rows = [
            [
                page,
                *(number(self.rows[name].median_s([page]) * 1000, digits=0) for name in (API, *BARE_ROWS, *peers)),
                *(number(ratio, digits=2) for ratio in self._ratios(page).values()),
            ]
            for page in self.pages
        ]
        short = ["API", "bare, one by one", "bare, at once", "peer defaults", "peer fastest", "peer small"]
        return table(["page", *short, "API ÷ bare", "API ÷ defaults", "API ÷ fastest", "API ÷ small"], rows)

    def _ratios(self, page: str) -> dict[str, float]:
        api_s = self.rows[API].median_s([page])
        by_peer = {name: api_s / self.rows[name].median_s([page]) for name in (DEFAULTS, FASTEST, SMALLER)}
        return {"bare models": api_s / self.limit_s(page), **by_peer}

    def _stage_table(self) -> str:
        names = list(self.stages_ms[0]) if self.stages_ms else []
        medians = [statistics.median(stages[name] for stages in self.stages_ms) for name in names]
        return table(["stage", *names], [["ms", *(number(value, digits=1) for value in medians)]])

    def _notes(self) -> list[str]:
        notes = [f"- {name}: {value}" for name, value in self.machine.items()]
        notes += [f"- {page} sends: {calls}" for page, calls in self.calls.items()]
        return [*notes, f"- {self.rounds} interleaved rounds over {len(self.pages)} pages, after warming up"]


def percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank: the smallest value that at least ``percent`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
