"""The bulk benchmark's figures, and how they are written down."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from evaluation.bulk_stages import StageCosts
from evaluation.markdown import number, table

READ = "bulk-read"
STRUCTURE = "bulk-structure"
DISPATCHER = "bulk-dispatcher"
API = "bulk-api"
EMULATOR = "aws"
MODELS = "triton"
LIMIT_RATIO = 0.9
LIMIT_CONNECTING_MS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: pages a second of both, and what the job took of the processor."""

    bulk_pages_s: float
    bulk_whole_pages_s: float
    """From the POST to the last document, start and end included."""
    bare_pages_s: Mapping[str, float]
    """By the way of calling them."""
    cpu_s_a_page: Mapping[str, float]
    """By service."""
    failed: int

    @property
    def limit_pages_s(self) -> float:
        """The better way."""
        return max(self.bare_pages_s.values())

    @property
    def ratio(self) -> float:
        """Of the bulk road to the bare models."""
        return self.bulk_pages_s / self.limit_pages_s


@dataclass(slots=True, kw_only=True)
class BulkReport:
    """A run's figures."""

    machine: Mapping[str, str]
    pages: int
    """Of one job."""
    kinds: list[str]
    rounds: list[Round] = field(default_factory=list)
    stages: StageCosts = field(default_factory=lambda: StageCosts(pixels_s=0, text_s=0))
    sync_agrees: Mapping[str, bool] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return statistics.median(each.ratio for each in self.rounds)

    def cpu_ms(self, service: str) -> float:
        """Of one service, a page; median over the rounds."""
        return 1000 * statistics.median(each.cpu_s_a_page.get(service, 0.0) for each in self.rounds)

    @property
    def connecting_ms(self) -> float:
        """Queue, storage and database, a page, on our side of the sockets, dispatcher included."""
        stages_ms = 1000 * (self.stages.pixels_s + self.stages.text_s)
        return self.cpu_ms(READ) + self.cpu_ms(STRUCTURE) - stages_ms + self.cpu_ms(DISPATCHER)

    def markdown(self) -> str:
        """Every table."""
        agree = ", ".join(f"{name}: {'yes' if same else 'NO'}" for name, same in self.sync_agrees.items())
        failed = sum(each.failed for each in self.rounds)
        return "\n\n".join(
            [
                f"### Bulk throughput: jobs of {self.pages} pages",
                self._throughput_table(),
                "### CPU of a page, ms, user and system, by process (median over the rounds)",
                self._cpu_table(),
                "\n".join(
                    [
                        f"- pages: {', '.join(self.kinds)}; documents that failed: {failed}",
                        f"- ratio to the bare models: {number(self.ratio, digits=2)} (wanted: at least {LIMIT_RATIO})",
                        (
                            "- queue, storage and database, in the workers and the dispatcher:"
                            f" {number(self.connecting_ms, digits=1)} ms of CPU a page"
                            f" (wanted: below {LIMIT_CONNECTING_MS:.0f})"
                        ),
                        f"- text and fields are those of the sync API: {agree}",
                        *(f"- {name}: {value}" for name, value in self.machine.items()),
                    ]
                ),
            ]
        )

    def write(self, folder: Path) -> None:
        """Write ``bulk_bench.json`` and ``bulk_bench.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {**asdict(self), "ratio": self.ratio, "connecting_ms": self.connecting_ms}
        (folder / "bulk_bench.json").write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
        (folder / "bulk_bench.md").write_text(self.markdown() + "\n", encoding="utf-8")

    def _throughput_table(self) -> str:
        ways = list(self.rounds[0].bare_pages_s)
        header = ["round", "bulk, pages/s", "whole job", *(f"bare models, {way}" for way in ways), "ratio"]
        rows = [
            [
                str(index),
                number(each.bulk_pages_s, digits=2),
                number(each.bulk_whole_pages_s, digits=2),
                *(number(each.bare_pages_s[way], digits=2) for way in ways),
                number(each.ratio, digits=2),
            ]
            for index, each in enumerate(self.rounds, start=1)
        ]
        return table(header, rows)

    def _cpu_table(self) -> str:
        pixels_ms, text_ms = 1000 * self.stages.pixels_s, 1000 * self.stages.text_s
        rows = [
            ["Triton: the models", number(self.cpu_ms(MODELS), digits=1)],
            ["read worker", number(self.cpu_ms(READ), digits=1)],
            ["… of it pixels (the stage alone, in process)", number(pixels_ms, digits=1)],
            ["… of it queue, storage, database", number(self.cpu_ms(READ) - pixels_ms, digits=1)],
            ["structure worker", number(self.cpu_ms(STRUCTURE), digits=1)],
            ["… of it text (the stage alone, in process)", number(text_ms, digits=1)],
            ["… of it queue, storage, database", number(self.cpu_ms(STRUCTURE) - text_ms, digits=1)],
            ["dispatcher, intake, webhooks", number(self.cpu_ms(DISPATCHER), digits=1)],
            ["API (asked twice a second)", number(self.cpu_ms(API), digits=1)],
            ["the local SQS and S3 server", number(self.cpu_ms(EMULATOR), digits=1)],
        ]
        return table(["process", "ms"], rows)
