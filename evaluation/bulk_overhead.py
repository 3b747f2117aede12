"""What queue, object storage and database cost a document: ``make bench-overhead``.

The bulk road's own roles (dispatcher, read and structure workers) in this process, over the real local SQS and S3 and
an SQLite database, with stages that do nothing but their input and output: fetch the document, keep a reading, load
it, keep a result. Everything counts that this process's threads and its event loop take; the local server's share is
told beside it, as on AWS it is somebody else's. Work takes no CPU here but as much time as is said, since messages go
together in batches when documents are quick, and one by one when they are not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from pydantic import SecretStr

from async_worker.blocking import Blocking
from async_worker.dispatcher import Dispatcher
from async_worker.job_sources import JobSources
from async_worker.object_keys import reading_key, result_key
from async_worker.stages.attempt import Workshop
from async_worker.stages.consumer import StageConsumer
from async_worker.stages.discards import Discards
from async_worker.stages.gate import Gate
from async_worker.stages.metrics import StageMetrics
from async_worker.stages.sources import SourceReader
from async_worker.stages.work import Closing, StageWork
from async_worker.tenants import TenantPolicies
from evaluation.cpu_accounts import cpu_s_by_tree
from evaluation.machine import describe_machine
from evaluation.markdown import number, table
from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, AwsConfig, AwsServer
from local_stack.ports import Ports
from ocr_core.adapters.aws_clients import s3_client
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.queue import SqsQueues
from ocr_core.adapters.storage import S3Storage
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.jobs import Lease, NewDocument, NewJob, Stage, new_job_id
from ocr_core.contracts.queues import QueueName
from ocr_core.service import Readiness
from ocr_core.settings import BulkSettings, ObjectStoreSettings, QueueSettings, StorageSettings
from ocr_core.telemetry import Metrics

BUCKET = "bench"
DOCUMENT_BYTES = 100_000
READING_BYTES = 40_000
RESULT_BYTES = 50_000
"""About those of a dense invoice."""
_WARM_UP = 10
_POLL_S = 0.2


class _Read:
    """``StageWork`` of a read without pixels."""

    def __init__(self, sources: SourceReader, objects: S3ObjectStore, store: SqlJobStore, work_s: float) -> None:
        self._sources = sources
        self._objects = objects
        self._store = store
        self._work_s = work_s

    async def work(self, lease: Lease, deadline: Deadline) -> Closing:
        """Fetch, wait, keep."""
        await self._sources.fetch(lease, max_bytes=1 << 24, deadline=deadline)
        await asyncio.sleep(self._work_s)
        key = reading_key(lease)
        await self._objects.put(key, bytes(READING_BYTES), content_type="application/vnd.msgpack")
        commit = partial(self._store.finish_read, lease.token, reading_key=key, page_count=1)
        return Closing(outcome="read", commit=commit, written_keys=(key,))


class _Structure:
    """``StageWork`` of a structure without text."""

    def __init__(self, objects: S3ObjectStore, store: SqlJobStore) -> None:
        self._objects = objects
        self._store = store

    async def work(self, lease: Lease, deadline: Deadline) -> Closing:
        """Load, keep."""
        deadline.check("structure")
        await asyncio.gather(*(self._objects.get(key, max_bytes=1 << 24) for key in lease.reading_keys))
        key = result_key(lease)
        await self._objects.put(key, bytes(RESULT_BYTES), content_type="application/json")
        commit = partial(self._store.finish_document, lease.token, result_key=key)
        return Closing(outcome="done", commit=commit, written_keys=(key,), spent_keys=lease.reading_keys)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.bulk_overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--work-s", type=float, nargs="+", default=[1.5, 0.0], help="of a page's read, without CPU")
    options = parser.parse_args(arguments)
    rows = []
    for work_s in options.work_s:
        own_ms, server_ms, documents_s = uvloop.run(_measure(options.documents, work_s))
        rows.append(
            [
                number(work_s, digits=1),
                number(documents_s, digits=1),
                number(own_ms, digits=1),
                number(server_ms, digits=1),
            ]
        )
    print("### Queue, object storage and database: CPU of a document of one page\n")
    print(table(["a read takes, s", "documents a second", "services, ms", "the local SQS and S3 server, ms"], rows))
    print("".join(f"\n- {name}: {value}" for name, value in describe_machine().items()))
    return 0


async def _measure(count: int, work_s: float) -> tuple[float, float, float]:
    """CPU milliseconds a document, here and in the local server, and documents a second."""
    async with AsyncExitStack() as exits:
        folder = Path(exits.enter_context(TemporaryDirectory(prefix="yomitori-overhead-")))
        port = Ports.free().aws
        server = exits.enter_context(AwsServer(AwsConfig(port=port, data_dir=folder / "aws")))
        server.wait_ready()
        own, secret = SecretStr(ACCESS_KEY_ID), SecretStr(SECRET_ACCESS_KEY)
        endpoint = server.config.url
        storage_settings = StorageSettings(
            allow=(BUCKET,), endpoint_url=endpoint, region=REGION, access_key_id=own, secret_access_key=secret
        )
        queue_settings = QueueSettings(
            endpoint_url=endpoint, region=REGION, access_key_id=own, secret_access_key=secret, create=True
        )
        url = f"sqlite:///{folder / 'jobs.sqlite3'}"
        upgrade(url)
        store = exits.enter_context(SqlJobStore(url))
        documents = exits.enter_context(SqlDocumentStore(url))
        objects = S3ObjectStore(ObjectStoreSettings(create_bucket=True), storage_settings)
        queues = SqsQueues(queue_settings)
        storage = S3Storage(storage_settings)
        for adapter in (objects, queues, storage):
            await adapter.start()
            exits.push_async_callback(adapter.close)
        await objects.ensure_bucket()
        await queues.ensure_queues()
        _put_document(storage_settings)
        roles = _Roles(store=store, documents=documents, objects=objects, queues=queues, storage=storage, work_s=work_s)
        stop = asyncio.Event()
        running = asyncio.create_task(roles.run(stop))
        await _run_job(store, _WARM_UP)
        roots = {"own": os.getpid(), "server": _child()}
        before, started_s = cpu_s_by_tree(roots), time.monotonic()
        await _run_job(store, count)
        after, took_s = cpu_s_by_tree(roots), time.monotonic() - started_s
        stop.set()
        await running
    server_s = after["server"] - before["server"]
    own_s = after["own"] - before["own"] - server_s
    return own_s * 1000 / count, server_s * 1000 / count, count / took_s


class _Roles:
    """The three roles, made as ``async_worker/wiring.py`` makes them."""

    def __init__(
        self,
        *,
        store: SqlJobStore,
        documents: SqlDocumentStore,
        objects: S3ObjectStore,
        queues: SqsQueues,
        storage: S3Storage,
        work_s: float,
    ) -> None:
        self._store = store
        self._documents = documents
        self._objects = objects
        self._queues = queues
        self._settings = BulkSettings()
        self._metrics = Metrics()
        sources = SourceReader(
            sources=JobSources(objects),
            policies=TenantPolicies(house=HouseTenant(name=BulkSettings().tenant, source_prefixes=(BUCKET,))),
            objects=objects,
            storage=storage,
        )
        self._read = _Read(sources, objects, store, work_s)
        self._structure = _Structure(objects, store)

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop."""
        with Blocking(threads=16) as blocking:
            stage_metrics = StageMetrics(self._metrics)
            dispatcher = Dispatcher(
                store=self._store,
                documents=self._documents,
                queues=self._queues,
                objects=self._objects,
                blocking=blocking,
                settings=self._settings,
                metrics=self._metrics,
            )
            reads = frozenset({Stage.READ, Stage.READ_RANGE})
            read = self._shop(QueueName.READ, reads, self._read, blocking, stage_metrics)
            structure = self._shop(
                QueueName.STRUCTURE, frozenset({Stage.STRUCTURE}), self._structure, blocking, stage_metrics
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(dispatcher.run(stop))
                group.create_task(StageConsumer(shop=read, places=self._settings.read_documents).run(stop))
                group.create_task(StageConsumer(shop=structure, places=self._settings.structure_documents).run(stop))

    def _shop(
        self, queue: QueueName, stages: frozenset[Stage], work: StageWork, blocking: Blocking, metrics: StageMetrics
    ) -> Workshop:
        return Workshop(
            role=queue.value,
            queue=self._queues.queue(queue),
            stages=stages,
            work=work,
            store=self._store,
            discards=Discards(self._objects),
            blocking=blocking,
            gate=Gate(Readiness({"object store": self._objects.ensure_bucket}), name=f"bulk.{queue.value}"),
            settings=self._settings,
            metrics=metrics,
        )


async def _run_job(store: SqlJobStore, count: int) -> None:
    """Make a job and wait until it has ended."""
    documents = tuple(NewDocument(source=f"s3://{BUCKET}/document", reference=str(n)) for n in range(count))
    new_job = NewJob(id=new_job_id(), tenant="bench", documents=documents)
    await asyncio.to_thread(store.create_job, new_job)

    def wait() -> None:
        while store.get_job("bench", new_job.id).finished_at is None:
            time.sleep(_POLL_S)

    await asyncio.to_thread(wait)


def _put_document(settings: StorageSettings) -> None:
    client = s3_client(settings, max_connections=1, read_timeout_s=30, attempts=3)
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="document", Body=bytes(DOCUMENT_BYTES))
    client.close()


def _child() -> int:
    """The local server: this process's only child."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return int(children[0])


if __name__ == "__main__":
    raise SystemExit(main())
