"""Our two roads as contenders, over HTTP, with everything that belongs to them."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import Any

from evaluation.api_reader import as_read
from evaluation.bench.contender import CORES, Cpu, Load, PageRead
from evaluation.bench.load import Pace, closed_loop
from evaluation.bench.local_services import Services
from evaluation.bench.pages import Variant

SYNC_SERVICES = ("preprocess", "postprocess")
BULK_SERVICES = ("bulk-",)
TIMEOUT_S = 30.0
BULK_PAGES_PER_WINDOW_S = 2.5
"""Documents of a job a second of the window: about as many as are read in it, so that it lasts about as long."""
FEWEST_IN_JOB = 10
_POLL_S = 0.1
_REFUSED_WAIT_S = 0.02


class SyncApi:
    """``POST /v1/ocr``; kept busy by callers in a closed loop."""

    name = "sync API"
    is_latency_measured = True
    levels = (2 * CORES, CORES)
    settings = "`make up` as it comes"

    def __init__(self, services: Services) -> None:
        self._services = services
        self.stages_ms: list[dict[str, float]] = []
        """``timing_ms`` of every answer to one caller, warming up left out."""
        self.refused = 0

    def make_ready(self, page: Variant) -> None:
        """See ``Contender.make_ready``."""
        _ = page.file

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """See ``Contender.warm_up``."""
        for page in pages:
            self._ask(page.file)

    def read(self, page: Variant) -> PageRead:
        """See ``Contender.read``."""
        body = page.file
        start_s = time.perf_counter()
        result = self._ask(body)
        seconds = time.perf_counter() - start_s
        self.stages_ms.append(result["timing_ms"])
        return PageRead(seconds=seconds, lines=as_read(result).lines)  # type: ignore[arg-type]

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """See ``Contender.saturate``."""

        def read(_: int, page: Variant) -> bool:
            self._ask(page.file)
            return True

        return Load(pace=closed_loop(read, pages, callers=callers, window_s=window_s))

    def cpu(self) -> Cpu:
        """See ``Contender.cpu``."""
        return self._services.cpu(*SYNC_SERVICES)

    def roots(self) -> Collection[int]:
        """See ``Contender.roots``."""
        return self._services.roots(*SYNC_SERVICES)

    def _ask(self, body: bytes) -> dict[str, Any]:
        """Ask until the server takes it; a refusal is answered at once and costs it next to nothing."""
        url = f"{self._services.stack.api_url}/v1/ocr"
        while True:
            answer = self._services.http.post(url, params={"timeout_s": TIMEOUT_S}, content=body)
            if answer.status_code != 429:
                return dict(answer.raise_for_status().json())
            self.refused += 1
            time.sleep(_REFUSED_WAIT_S)


class BulkRoad:
    """One job of many documents of a page each, as ``POST /v1/jobs`` takes them; never asked by one caller.

    The local SQS and S3 server stands for AWS: neither its CPU nor its memory is counted as ours. Its CPU shows among
    the processes, since it took it from the same cores.
    """

    name = "bulk road"
    is_latency_measured = False
    levels = (1,)
    settings = "`make up` as it comes, one worker of each kind"

    def __init__(self, services: Services) -> None:
        self._services = services

    def make_ready(self, page: Variant) -> None:
        """See ``Contender.make_ready``."""
        _ = page.file

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """See ``Contender.warm_up``."""
        documents = self._services.put_documents([page.file for page in pages])
        self._services.run_job(documents, poll_s=_POLL_S)

    def read(self, page: Variant) -> PageRead:
        """See ``Contender.read``: it is not made for one caller."""
        raise NotImplementedError(page.page.name)

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """See ``Contender.saturate``: one job, whose size makes it last about so long."""
        del callers
        chosen = pages[: max(FEWEST_IN_JOB, round(window_s * BULK_PAGES_PER_WINDOW_S))]
        run = self._services.run_job(self._services.put_documents([page.file for page in chosen]), poll_s=_POLL_S)
        answer = self._services.http.get(f"{self._services.stack.bulk_url}/v1/jobs/{run.job_id}/results")
        lines = [json.loads(line) for line in answer.raise_for_status().text.splitlines()]
        read = [(chosen[int(line["reference"])], as_read(line["result"]).lines) for line in lines if line.get("result")]
        pace = Pace(pages_per_s=run.steady_pages_per_s, pages=len(chosen) - run.failed, failed=run.failed)
        return Load(pace=pace, read=read)

    def cpu(self) -> Cpu:
        """See ``Contender.cpu``."""
        return self._services.cpu(*BULK_SERVICES)

    def roots(self) -> Collection[int]:
        """See ``Contender.roots``."""
        return self._services.roots(*BULK_SERVICES)
