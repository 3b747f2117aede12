"""Bulk throughput beside the bare models, and what a page costs: ``make bench-bulk``.

Round by round, one after the other, so that a change of the machine's pace meets both alike:

  bulk        one job of so many documents of a page each, through everything that ``make up`` starts: API, database,
              queues, object storage, workers, Triton. Pages a second between a tenth and nine tenths of the job.
  bare models the same tensors that the pixel pipeline sends to the models for these pages, in process, with the same
              engine settings; nothing is opened, cropped or decoded. The better of: each page's calls at once, page
              after page; and two pages at once, each on a core of its own.

CPU by process is the kernel's count (/proc), children included, over the whole job. What the workers take beyond the
same stages run in process without queue, storage and database (``bulk_stages``) is what these cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from evaluation.bench.bare_models import ModelCalls, record_calls, replay_at_once, replay_one_by_one
from evaluation.bench.local_services import JobRun, Services, running_services
from evaluation.bench.pages import BenchPage, default_pages, first_page_pixels
from evaluation.bulk_report import BulkReport, Round
from evaluation.bulk_stages import measure_stages
from evaluation.cpu_accounts import cpu_s_by_tree
from evaluation.datasets import REPOSITORY
from evaluation.inprocess_models import CPU_THREADS, InProcessModels
from evaluation.machine import describe_machine
from ocr_core.settings import BulkSettings, PostprocessSettings

OUTPUT_DIR = REPOSITORY / "out"
PAGES = 150
ROUNDS = 3
WARM_UP_PAGES = 20
STAGE_PAGES = 60
BARE_SHARE = 4
"""The bare models replay one page for so many of the job, twice: before and after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is measured, and with what."""

    services: Services
    pages: Sequence[BenchPage]

    def bodies(self, count: int, nonce: int) -> list[bytes]:
        """So many documents, all different."""
        return [self.pages[index % len(self.pages)].file(nonce + index) for index in range(count)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.bulk_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pages", type=int, default=PAGES, help="of one job")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--kind", choices=("pdf", "all"), default="all", help="the invoice as PDF, or images too")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the services")
    options = parser.parse_args(arguments)
    kinds = default_pages()
    pages = kinds[:1] if options.kind == "pdf" else kinds
    report = BulkReport(machine=describe_machine(), pages=options.pages, kinds=[page.name for page in pages])
    with ExitStack() as exits:
        models = exits.enter_context(InProcessModels(detection_streams=CPU_THREADS))
        alone = exits.enter_context(InProcessModels())
        calls = [record_calls(first_page_pixels(page.file(0)), models) for page in pages]
        bare = _bare_contenders(calls, models, alone)
        settings = dict(each.split("=", 1) for each in options.set)
        with running_services(settings=settings, log=OUTPUT_DIR / "bulk_bench.log") as services:
            bench = Bench(services=services, pages=pages)
            _run_job(bench, bench.bodies(WARM_UP_PAGES, 0))
            for name in bare:
                bare[name](2 * len(pages))
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
                report.rounds.append(_round(bench, bare, options.pages, nonce=(number + 1) * 100_000))
            report.sync_agrees = _agreement(bench, nonce=99_000_000)
            report.stages = measure_stages(
                bench.bodies(STAGE_PAGES, 98_000_000),
                grpc_url=services.stack.triton_grpc_url,
                charset=REPOSITORY / PostprocessSettings.model_fields["charset_files"].default[0],
                documents_in_hand=BulkSettings.model_fields["read_documents"].default,
                others=list(services.process_ids().values()),
            )
    print(report.markdown())
    report.write(OUTPUT_DIR)
    return 0


def _bare_contenders(
    calls: Sequence[ModelCalls], models: InProcessModels, alone: InProcessModels
) -> dict[str, Callable[[int], float]]:
    """Each replays so many pages and returns pages a second."""

    def page_after_page(count: int) -> None:
        for index in range(count):
            replay_at_once(calls[index % len(calls)], alone)

    def two_at_once(count: int) -> None:
        with ThreadPoolExecutor(CPU_THREADS) as threads:
            list(threads.map(lambda index: replay_one_by_one(calls[index % len(calls)], models), range(count)))

    def pace(replay: Callable[[int], None]) -> Callable[[int], float]:
        def run(count: int) -> float:
            started_s = time.perf_counter()
            replay(count)
            return count / (time.perf_counter() - started_s)

        return run

    return {"page after page": pace(page_after_page), "two pages at once": pace(two_at_once)}


def _round(bench: Bench, bare: dict[str, Callable[[int], float]], pages: int, *, nonce: int) -> Round:
    bodies = bench.bodies(pages, nonce)
    paces = {name: run(max(1, pages // BARE_SHARE)) for name, run in bare.items()}
    job = _run_job(bench, bodies)
    # Before and after, as the machine's pace drifts.
    again = {name: run(max(1, pages // BARE_SHARE)) for name, run in bare.items()}
    return Round(
        bulk_pages_s=job.run.steady_pages_per_s,
        bulk_whole_pages_s=job.run.whole_pages_per_s,
        bare_pages_s={name: statistics.fmean((paces[name], again[name])) for name in paces},
        cpu_s_a_page={name: cpu_s / pages for name, cpu_s in job.cpu_s.items()},
        failed=job.run.failed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeasuredJob:
    run: JobRun
    cpu_s: dict[str, float]
    """By service."""


def _run_job(bench: Bench, bodies: Sequence[bytes]) -> _MeasuredJob:
    """Have the documents read; putting them into object storage is not part of it."""
    documents = bench.services.put_documents(bodies)
    roots = bench.services.process_ids()
    before = cpu_s_by_tree(roots)
    run = bench.services.run_job(documents)
    after = cpu_s_by_tree(roots)
    return _MeasuredJob(run=run, cpu_s={name: after[name] - before[name] for name in roots})


def _agreement(bench: Bench, *, nonce: int) -> dict[str, bool]:
    """For each kind of page: whether text and fields are those of the sync API."""
    http, stack = bench.services.http, bench.services.stack
    bodies = bench.bodies(len(bench.pages), nonce)
    job = _run_job(bench, bodies)
    lines = http.get(f"{stack.bulk_url}/v1/jobs/{job.run.job_id}/results").text.splitlines()
    results = {line["reference"]: line["result"] for line in map(json.loads, lines)}
    agrees = {}
    for index, (page, body) in enumerate(zip(bench.pages, bodies, strict=True)):
        answer = http.post(f"{stack.api_url}/v1/ocr", params={"timeout_s": 30}, content=body)
        answer.raise_for_status()
        sync, bulk = answer.json(), results[str(index)]
        agrees[page.name] = all(sync[name] == bulk[name] for name in ("text", "fields", "document_type"))
    return agrees


if __name__ == "__main__":
    raise SystemExit(main())
