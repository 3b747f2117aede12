"""The bulk API under a real server in a thread of its own, over a real job store and a real object store."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from async_worker.api.app import make_app
from async_worker.blocking import Blocking
from async_worker.vitals import HttpRole
from local_stack.aws import AwsServer
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.aws_clients import s3_client
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import Job
from ocr_core.service import Readiness, keyring
from ocr_core.service.opening_access import open_access
from ocr_core.settings import AccessSettings, BulkSettings, ObjectStoreSettings, StorageSettings, WebhookSettings
from ocr_core.telemetry import Metrics
from postprocess_svc.schemas import shipped_schemas
from tests.support.aws import free_port, object_settings, storage_settings
from tests.support.databases import ready_sqlite
from tests.support.job_stores import RULES, claim, read, send
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TENANT = "acme"
ALLOWED = ("inbox", "archive/invoices")
WEBHOOKS = WebhookSettings(secret=SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
KEY_PATIENCE_S = 30.0
SOURCES = [{"source": f"s3://inbox/{n}.pdf", "reference": f"r{n}"} for n in range(3)]


class Bucket:
    """What lies in the object store, seen past the API."""

    def __init__(self, server: AwsServer, settings: ObjectStoreSettings) -> None:
        self.name = settings.bucket
        self._client: S3Client = s3_client(storage_settings(server), max_connections=2, read_timeout_s=10, attempts=3)

    def keys(self, prefix: str = "") -> list[str]:
        """In key order."""
        page = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for item in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """A whole object."""
        return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put(self, key: str, body: bytes) -> None:
        """Store one."""
        self._client.put_object(Bucket=self.name, Key=key, Body=body)

    def put_noted(self, key: str, body: bytes, notes: dict[str, str]) -> None:
        """Store one with notes."""
        self._client.put_object(Bucket=self.name, Key=key, Body=body, Metadata=notes)

    def drop(self) -> None:
        """Delete it with all that lies in it."""
        for key in self.keys():
            self._client.delete_object(Bucket=self.name, Key=key)
        self._client.delete_bucket(Bucket=self.name)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


class ServedApi:
    """A running API. ``store`` may be something that breaks; it answers on a free port of 127.0.0.1."""

    def __init__(
        self,
        *,
        house: ApiHouse,
        store: JobRecords,
        objects: ObjectStoreSettings,
        storage: StorageSettings,
        bulk: BulkSettings | None = None,
        webhooks: WebhookSettings | None = None,
        access: AccessSettings | None = None,
        port: int | None = None,
        wants_bucket: bool = True,
        retention_days: float = 0.0,
    ) -> None:
        self._retention_days = retention_days
        self.house = house
        self._wants_bucket = wants_bucket
        self.port = port or free_port()
        self._store = store
        self._objects = S3ObjectStore(objects, storage)
        self._bulk = (bulk or BulkSettings()).model_copy(update={"tenant": TENANT})
        self._webhooks = webhooks or WebhookSettings()
        self._access = access or AccessSettings()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="bulk-api")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.client = httpx.Client(base_url=self.url, timeout=60.0, trust_env=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(self._answers, "the API")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tell_to_stop()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.client.close()

    def tell_to_stop(self) -> None:
        """As SIGTERM would."""
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def submit(self, count: int = 3, **options: Any) -> dict[str, Any]:
        """A job of so many documents, answered 202."""
        documents = [{"source": f"s3://inbox/{n}.pdf", "reference": f"r{n}"} for n in range(count)]
        answer = self.client.post("/v1/jobs", json={"documents": documents, **options})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def metric(self, name: str) -> float:
        """A value of ``/metrics``, without labels."""
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise KeyError(name)

    def _answers(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            assert self._thread.is_alive(), "the API has ended"
            return False

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            await self._objects.start()
            if self._wants_bucket:
                await self._objects.ensure_bucket()
            yield
            await self._objects.close()

        secret, metrics = self._webhooks.secret, Metrics()
        access = open_access(
            self._access,
            database_url=self.house.database_url,
            house=HouseTenant(
                name=TENANT,
                source_prefixes=ALLOWED,
                webhook_secret=None if secret is None else secret.get_secret_value(),
                retention_days=self._retention_days,
            ),
            metrics=metrics,
        )
        with Blocking(threads=8) as blocking:
            app = make_app(
                store=self._store,
                blocking=blocking,
                objects=self._objects,
                bulk=self._bulk,
                webhooks=self._webhooks,
                metrics=metrics,
                readiness=Readiness(),
                lifespan=lifespan,
                stopping=self._stop,
                schemas=shipped_schemas(),
                access=access,
                administration=self.house.accounts,
                documents=self.house.documents,
            )
            await HttpRole(app, host="127.0.0.1", port=self.port, shutdown_grace_s=20).run(self._stop)


class ApiHouse:
    """One store, one bucket, and as many APIs over them as a test wants."""

    def __init__(self, *, store: SqlJobStore, server: AwsServer, stack: ExitStack) -> None:
        self.store = store
        self.database_url = store._database._engine.url.render_as_string(hide_password=False)
        self.accounts = stack.enter_context(SqlAccessStore(self.database_url))
        self.documents = stack.enter_context(SqlDocumentStore(self.database_url, pool_size=4))
        self._server = server
        self._stack = stack
        self._settings = object_settings(prefix="bulk/")
        self.bucket = Bucket(server, self._settings)
        stack.callback(self.bucket.close)

    @property
    def uploads(self) -> list[str]:
        """Keys of all uploads."""
        return self.bucket.keys("bulk/uploads/")

    def serve(
        self,
        bulk: BulkSettings | None = None,
        *,
        webhooks: WebhookSettings | None = None,
        store: JobRecords | None = None,
        access: AccessSettings | None = None,
        port: int | None = None,
        retention_days: float = 0.0,
    ) -> ServedApi:
        """An API that runs until the test ends."""
        served = ServedApi(
            house=self,
            store=store or self.store,
            objects=self._settings,
            storage=storage_settings(self._server),
            bulk=bulk,
            webhooks=webhooks,
            access=access,
            port=port,
            retention_days=retention_days,
        )
        return self._stack.enter_context(served)

    def serve_without_objects(self) -> ServedApi:
        """An API to which object storage does not answer, from its start on."""
        nowhere = storage_settings(self._server).model_copy(update={"endpoint_url": f"http://127.0.0.1:{free_port()}"})
        served = ServedApi(house=self, store=self.store, objects=self._settings, storage=nowhere, wants_bucket=False)
        return self._stack.enter_context(served)

    def job(self, answer: dict[str, Any]) -> Job:
        """The job as the store has it."""
        return self.store.get_job(TENANT, answer["id"])

    def finish(self, count: int | None = None, *, links: bool = False, size: int = 0) -> None:
        """Work off what is due, or so many documents of it: results tell their document, and are small or of a size."""
        done = 0
        while (count is None or done < count) and (messages := send(self.store, limit=1)):
            lease = claim(self.store, messages[0])
            read(self.store, lease)
            (message,) = send(self.store, limit=1)
            lease = claim(self.store, message)
            key = f"results/{lease.tenant}/{lease.job_id}/{lease.document_id}/{lease.token}"
            result: dict[str, object] = {"id": lease.document_id, "text": f"text of {lease.reference}"}
            if size:
                result["filling"] = "x" * size
            if links:
                self.bucket.put(f"bulk/{key}.md", f"# {lease.reference}".encode())
                result["links"] = {"markdown": f"s3://{self.bucket.name}/bulk/{key}.md"}
            self.bucket.put(f"bulk/{key}.json", json.dumps(result).encode())
            assert self.store.finish_document(lease.token, result_key=f"{key}.json")
            done += 1

    def fail(self) -> None:
        """Fail the next document that is due."""
        (message,) = send(self.store, limit=1)
        lease = claim(self.store, message)
        assert self.store.fail_document(lease.token, code="unreadable_document", detail="it is broken")


@contextmanager
def open_api_house(store: SqlJobStore, server: AwsServer) -> Iterator[ApiHouse]:
    """A house whose servers end with the block."""
    # A disk that others write to at the same time may take longer than a caller would wait for a key.
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LONGEST_S", KEY_PATIENCE_S)
        yield ApiHouse(store=store, server=server, stack=stack)


@pytest.fixture
def api_house(job_store: SqlJobStore, aws_server: AwsServer) -> Iterator[ApiHouse]:
    """Over SQLite and over PostgreSQL."""
    with open_api_house(job_store, aws_server) as made:
        yield made


@pytest.fixture(scope="module")
def refusing_house(tmp_path_factory: pytest.TempPathFactory, aws_server: AwsServer) -> Iterator[ApiHouse]:
    """For tests of one file that store nothing: over SQLite, with nothing in it before and after."""
    database = ready_sqlite(tmp_path_factory.mktemp("refusing") / "jobs.sqlite3")
    with SqlJobStore(database, rules=RULES) as store, open_api_house(store, aws_server) as made:
        yield made


@pytest.fixture(scope="module")
def refusing_api(refusing_house: ApiHouse) -> ServedApi:
    """Its one API."""
    return refusing_house.serve(webhooks=WEBHOOKS)
