"""The local stack that is measured: both roads, a bucket for documents, and the processes' accounts."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from pydantic import SecretStr

from evaluation.bench.contender import Cpu
from evaluation.cpu_accounts import cpu_s_by_tree, named, tree
from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local_stack.stack import LocalStack
from ocr_core.adapters.aws_clients import s3_client
from ocr_core.settings import StorageSettings

BUCKET = "bench"
WITHOUT_MEMORY = {"OCR_REMEMBER_ENABLED": "false", "OCR_REMEMBER_SHARED": "false"}
TRITON = "triton"
EMULATOR = "aws"
MODEL_PROCESS = "triton_python_backend_stub"
"""Of Triton's Python backend: each runs one instance of a model."""
_PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """A running stack and the ways to it."""

    stack: LocalStack
    http: httpx.Client
    s3: Any

    def put_documents(self, bodies: Sequence[bytes]) -> list[dict[str, str]]:
        """Each in object storage, as a job's request names it; the reference is its place in the list."""
        documents = []
        for index, body in enumerate(bodies):
            key = f"{time.time_ns()}-{index}"
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            documents.append({"source": f"s3://{BUCKET}/{key}", "reference": str(index)})
        return documents

    def run_job(self, documents: Sequence[Mapping[str, str]], *, poll_s: float = 0.5) -> JobRun:
        """Have documents read, and watch how they end.

        Raises:
            TimeoutError: the job stands still.
        """
        started_s = time.perf_counter()
        answer = self.http.post(f"{self.stack.bulk_url}/v1/jobs", json={"documents": list(documents)})
        answer.raise_for_status()
        job_id = answer.json()["id"]
        seen: list[tuple[float, int]] = []
        while True:
            time.sleep(poll_s)
            job = self.http.get(f"{self.stack.bulk_url}/v1/jobs/{job_id}").json()
            seen.append((time.perf_counter(), job["last_sequence"]))
            if job["status"] == "done":
                break
            if seen[-1][0] - started_s > _PATIENCE_S:
                raise TimeoutError(f"the job stands at {job}")
        return JobRun(
            job_id=job_id,
            steady_pages_per_s=steady_pages_per_s(seen, len(documents)),
            whole_pages_per_s=len(documents) / (seen[-1][0] - started_s),
            failed=job["documents"]["failed"],
        )

    def process_ids(self, *prefixes: str) -> dict[str, int]:
        """Of the services whose names begin so; of all if none are given."""
        services = self.stack.services.items()
        return {
            name: each.pid
            for name, each in services
            if each.pid is not None and (not prefixes or name.startswith(prefixes))
        }

    def cpu(self, *prefixes: str) -> Cpu:
        """Of Triton's model processes, and of Triton's server and the services whose names begin so."""
        triton_pid = self.process_ids(TRITON)[TRITON]
        model_pids = named(tree(triton_pid), MODEL_PROCESS)
        models_s = cpu_s_by_tree({str(pid): pid for pid in model_pids})
        others = {"triton server": triton_pid, **self.process_ids(*prefixes)}
        return Cpu(
            models_s={"model processes": sum(models_s.values())}, other_s=cpu_s_by_tree(others, without=model_pids)
        )

    def roots(self, *prefixes: str) -> Collection[int]:
        """Of Triton and of the services whose names begin so."""
        return self.process_ids(TRITON, *prefixes).values()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """How a job went; every document of it has one page."""

    job_id: str
    steady_pages_per_s: float
    """Between a tenth and nine tenths of the job."""
    whole_pages_per_s: float
    """From the POST to the last document, start and end included."""
    failed: int


def steady_pages_per_s(seen: Sequence[tuple[float, int]], total: int) -> float:
    """Pages a second between a tenth and nine tenths of a job, of (seconds, pages that are done) as they were seen.

    The whole of what was seen where a job was too short to be seen on the way.
    """
    begin = next(entry for entry in seen if entry[1] >= total * 0.1)
    end = next(entry for entry in seen if entry[1] >= total * 0.9)
    if end[0] <= begin[0]:
        begin, end = seen[0], seen[-1]
    return (end[1] - begin[1]) / max(end[0] - begin[0], 1e-9)


def measured_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """What the services are started with, whatever the environment says: nothing is remembered while it is measured."""
    return {"OCR_STORAGE_ALLOW": BUCKET, "OCR_LOG_LEVEL": "warning", **settings, **WITHOUT_MEMORY}


@contextmanager
def running_services(*, settings: Mapping[str, str], log: Path) -> Iterator[Services]:
    """A stack with both roads, its output in ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = measured_settings(settings)
    with ExitStack() as exits:
        folder = Path(exits.enter_context(TemporaryDirectory(prefix="yomitori-bench-")))
        file = exits.enter_context(log.open("w", encoding="utf-8"))
        stack = LocalStack(
            bulk=True,
            data_dir=folder,
            environment=environment,
            sink=lambda service, line: print(f"{service}: {line}", file=file, flush=True),
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
        yield Services(stack=stack, http=http, s3=s3)
