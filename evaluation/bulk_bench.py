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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from pydantic import SecretStr

from evaluation.bare_models import ModelCalls, record_calls, replay_at_once, replay_one_by_one
from evaluation.bench_pages import BenchPage, bench_pages
from evaluation.bulk_report import BulkReport, Round
from evaluation.bulk_stages import measure_stages
from evaluation.cpu_accounts import cpu_s_by_tree
from evaluation.datasets import REPOSITORY
from evaluation.inprocess_models import CPU_THREADS, InProcessModels
from evaluation.machine import describe_machine
from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local_stack.stack import LocalStack
from ocr_core.adapters.aws_clients import s3_client
from ocr_core.settings import BulkSettings, PostprocessSettings, StorageSettings

OUTPUT_DIR = REPOSITORY / "out"
BUCKET = "bench"
PAGES = 150
ROUNDS = 3
WARM_UP_PAGES = 20
STAGE_PAGES = 60
BARE_SHARE = 4
"""The bare models replay one page for so many of the job, twice: before and after it."""
_POLL_S = 0.5
_PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is measured, and with what."""

    stack: LocalStack
    http: httpx.Client
    pages: Sequence[BenchPage]
    s3: Any

    def bodies(self, count: int, nonce: int) -> list[bytes]:
        """So many documents, all different."""
        return [self.pages[index % len(self.pages)].body(nonce + index) for index in range(count)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.bulk_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pages", type=int, default=PAGES, help="of one job")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--kind", choices=("pdf", "all"), default="all", help="the invoice as PDF, or scans too")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the services")
    options = parser.parse_args(arguments)
    kinds = bench_pages()
    pages = kinds[:1] if options.kind == "pdf" else kinds
    report = BulkReport(machine=describe_machine(), pages=options.pages, kinds=[page.name for page in pages])
    with ExitStack() as exits:
        models = exits.enter_context(InProcessModels(detection_streams=CPU_THREADS))
        alone = exits.enter_context(InProcessModels())
        calls = [record_calls(page.pixels, models) for page in pages]
        bare = _bare_contenders(calls, models, alone)
        with _bench(pages, dict(each.split("=", 1) for each in options.set)) as bench:
            _run_job(bench, bench.bodies(WARM_UP_PAGES, 0))
            for name in bare:
                bare[name](2 * len(pages))
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
                report.rounds.append(_round(bench, bare, options.pages, nonce=(number + 1) * 100_000))
            report.sync_agrees = _agreement(bench, nonce=99_000_000)
            report.stages = measure_stages(
                bench.bodies(STAGE_PAGES, 98_000_000),
                grpc_url=bench.stack.triton_grpc_url,
                charset=REPOSITORY / PostprocessSettings.model_fields["charset_files"].default[0],
                documents_in_hand=BulkSettings.model_fields["read_documents"].default,
                others=[each.pid for each in bench.stack.services.values() if each.pid is not None],
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


@contextmanager
def _bench(pages: Sequence[BenchPage], settings: dict[str, str]) -> Iterator[Bench]:
    OUTPUT_DIR.mkdir(parents=True, exist_ok=True)
    environment = {"OCR_STORAGE_ALLOW": BUCKET, "OCR_LOG_LEVEL": "warning", **settings}
    with ExitStack() as exits:
        folder = Path(exits.enter_context(TemporaryDirectory(prefix="yomitori-bench-")))
        log = exits.enter_context((OUTPUT_DIR / "bulk_bench.log").open("w", encoding="utf-8"))
        stack = LocalStack(
            bulk=True,
            data_dir=folder,
            environment=environment,
            sink=lambda service, line: print(f"{service}: {line}", file=log, flush=True),
        )
        exits.enter_context(stack)
        storage = StorageSettings(
            endpoint_url=f"http://127.0.0.1:{stack.ports.aws}",
            region=REGION,
            access_key_id=SecretStr(ACCESS_KEY_ID),
            secret_access_key=SecretStr(SECRET_ACCESS_KEY),
        )
        s3 = s3_client(storage, max_connections=4, read_timeout_s=30, attempts=3)
        exits.callback(s3.close)
        s3.create_bucket(Bucket=BUCKET)
        http = exits.enter_context(httpx.Client(timeout=120, trust_env=False))
        yield Bench(stack=stack, http=http, pages=pages, s3=s3)


def _round(bench: Bench, bare: dict[str, Callable[[int], float]], pages: int, *, nonce: int) -> Round:
    bodies = bench.bodies(pages, nonce)
    paces = {name: run(max(1, pages // BARE_SHARE)) for name, run in bare.items()}
    job = _run_job(bench, bodies)
    # Before and after, as the machine's pace drifts.
    again = {name: run(max(1, pages // BARE_SHARE)) for name, run in bare.items()}
    return Round(
        bulk_pages_s=job.steady_pages_s,
        bulk_whole_pages_s=job.whole_pages_s,
        bare_pages_s={name: statistics.fmean((paces[name], again[name])) for name in paces},
        cpu_s_a_page={name: cpu_s / pages for name, cpu_s in job.cpu_s.items()},
        failed=job.failed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobRun:
    job_id: str
    steady_pages_s: float
    whole_pages_s: float
    cpu_s: dict[str, float]
    failed: int


def _run_job(bench: Bench, bodies: Sequence[bytes]) -> _JobRun:
    """Have the documents read, and watch how they end."""
    documents = []
    for index, body in enumerate(bodies):
        key = f"{time.time_ns()}-{index}"
        bench.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        documents.append({"source": f"s3://{BUCKET}/{key}", "reference": str(index)})
    roots = {name: service.pid for name, service in bench.stack.services.items() if service.pid is not None}
    before = cpu_s_by_tree(roots)
    started_s = time.perf_counter()
    answer = bench.http.post(f"{bench.stack.bulk_url}/v1/jobs", json={"documents": documents})
    answer.raise_for_status()
    job_id = answer.json()["id"]
    seen: list[tuple[float, int]] = []
    while True:
        time.sleep(_POLL_S)
        job = bench.http.get(f"{bench.stack.bulk_url}/v1/jobs/{job_id}").json()
        seen.append((time.perf_counter(), job["last_sequence"]))
        if job["status"] == "done":
            break
        if seen[-1][0] - started_s > _PATIENCE_S:
            raise TimeoutError(f"the job stands at {job}")
    ended_s = time.perf_counter()
    after = cpu_s_by_tree(roots)
    return _JobRun(
        job_id=job_id,
        steady_pages_s=_steady_pages_s(seen, len(bodies)),
        whole_pages_s=len(bodies) / (ended_s - started_s),
        cpu_s={name: after[name] - before[name] for name in roots},
        failed=job["documents"]["failed"],
    )


def _steady_pages_s(seen: Sequence[tuple[float, int]], total: int) -> float:
    """Pages a second between a tenth and nine tenths of the job."""
    begin = next(entry for entry in seen if entry[1] >= total * 0.1)
    end = next(entry for entry in seen if entry[1] >= total * 0.9)
    return (end[1] - begin[1]) / max(end[0] - begin[0], 1e-9)


def _agreement(bench: Bench, *, nonce: int) -> dict[str, bool]:
    """For each kind of page: whether text and fields are those of the sync API."""
    bodies = bench.bodies(len(bench.pages), nonce)
    job = _run_job(bench, bodies)
    lines = bench.http.get(f"{bench.stack.bulk_url}/v1/jobs/{job.job_id}/results").text.splitlines()
    results = {line["reference"]: line["result"] for line in map(json.loads, lines)}
    agrees = {}
    for index, (page, body) in enumerate(zip(bench.pages, bodies, strict=True)):
        answer = bench.http.post(f"{bench.stack.api_url}/v1/ocr", params={"timeout_s": 30}, content=body)
        answer.raise_for_status()
        sync, bulk = answer.json(), results[str(index)]
        agrees[page.name] = all(sync[name] == bulk[name] for name in ("text", "fields", "document_type"))
    return agrees


if __name__ == "__main__":
    raise SystemExit(main())
