"""Which adapters and which roles a process of the bulk road is made of. Nothing else knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from async_worker.blocking import Blocking
from async_worker.dispatcher import Dispatcher
from async_worker.document_retention import DocumentRetention
from async_worker.intake.role import Intake
from async_worker.job_sources import JobSources
from async_worker.preparing import Step
from async_worker.removal import DocumentRemoval
from async_worker.roles import Role, RoleName
from async_worker.stages.attempt import Workshop
from async_worker.stages.consumer import StageConsumer
from async_worker.stages.discards import Discards
from async_worker.stages.gate import Gate
from async_worker.stages.keeping import DocumentKeeping
from async_worker.stages.metrics import StageMetrics
from async_worker.stages.read_stage import ReadStage, bulk_limits
from async_worker.stages.remembered_readings import RememberedReadings
from async_worker.stages.sources import SourceReader
from async_worker.stages.structure_stage import StructureStage
from async_worker.stages.work import StageWork
from async_worker.tenant_deletions import TenantDeletions
from async_worker.tenants import TenantPolicies
from async_worker.vitals import HttpRole, make_vitals_app, no_lifespan
from async_worker.webhooks.role import WebhookSender
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.adapters.model_metrics import ModelMetrics
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.openers import make_file_opener
from ocr_core.adapters.queue import SqsQueues
from ocr_core.adapters.remembered import Kind, Memory
from ocr_core.adapters.storage import S3Storage
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import Stage, StoreRules
from ocr_core.contracts.queues import QueueName
from ocr_core.service import Readiness
from ocr_core.service.health import Check
from ocr_core.service.opening_access import open_access
from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    FileOpenerSettings,
    LimitSettings,
    ObjectStoreSettings,
    PdfSettings,
    PostprocessSettings,
    PreprocessSettings,
    QueueSettings,
    RememberSettings,
    StorageSettings,
    TritonSettings,
    WebhookSettings,
    load,
)
from ocr_core.telemetry import Metrics
from postprocess_svc.making import make_catalogue, make_partners, make_pipeline
from preprocess_svc.pixel_identity import pixel_identity

STORE_THREADS = 4
"""Calls of the job store at the same time, besides two for each document in hand: its work's and its heartbeat's."""

_WITH_QUEUES = frozenset({RoleName.DISPATCHER, RoleName.INTAKE, RoleName.READ, RoleName.STRUCTURE})


class _Adapter(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Every group that a process of the bulk road reads."""

    bulk: BulkSettings = field(default_factory=partial(load, BulkSettings))
    queue: QueueSettings = field(default_factory=partial(load, QueueSettings))
    objects: ObjectStoreSettings = field(default_factory=partial(load, ObjectStoreSettings))
    storage: StorageSettings = field(default_factory=partial(load, StorageSettings))
    webhooks: WebhookSettings = field(default_factory=partial(load, WebhookSettings))
    limits: LimitSettings = field(default_factory=partial(load, LimitSettings))
    triton: TritonSettings = field(default_factory=partial(load, TritonSettings))
    opener: FileOpenerSettings = field(default_factory=partial(load, FileOpenerSettings))
    preprocess: PreprocessSettings = field(default_factory=partial(load, PreprocessSettings))
    pdf: PdfSettings = field(default_factory=partial(load, PdfSettings))
    postprocess: PostprocessSettings = field(default_factory=partial(load, PostprocessSettings))
    access: AccessSettings = field(default_factory=partial(load, AccessSettings))
    remember: RememberSettings = field(default_factory=partial(load, RememberSettings))
    documents: DocumentSettings = field(default_factory=partial(load, DocumentSettings))

    @property
    def database_url(self) -> str:
        """It may hold a password."""
        return self.bulk.database_url.get_secret_value()

    @property
    def house(self) -> HouseTenant:
        """To whom belongs what these settings say."""
        secret = self.webhooks.secret
        return HouseTenant(
            name=self.bulk.tenant,
            source_prefixes=self.storage.allow,
            webhook_secret=None if secret is None else secret.get_secret_value(),
            retention_days=self.documents.retention_days,
        )


class House:
    """The adapters that the roles of this process share, and the roles over them."""

    def __init__(self, settings: WorkerSettings, roles: frozenset[RoleName], stack: AsyncExitStack) -> None:
        """Make what all roles need; nothing is asked of any server yet.

        Args:
            settings: All of them.
            roles: Those of this process.
            stack: Closes what is started here.
        """
        self._settings = settings
        self._roles = roles
        self._stack = stack
        bulk = settings.bulk
        self.metrics = Metrics()
        self._stage_metrics = StageMetrics(self.metrics)
        threads = STORE_THREADS + 2 * (bulk.read_documents + bulk.structure_documents)
        self._blocking = stack.enter_context(Blocking(threads=threads))
        rules = StoreRules(
            lease_s=bulk.lease_s,
            max_attempts=bulk.max_attempts,
            resend_first_s=bulk.resend_first_s,
            resend_max_s=bulk.resend_max_s,
        )
        self._store = stack.enter_context(SqlJobStore(settings.database_url, rules=rules, pool_size=threads))
        self._access_store = stack.enter_context(SqlAccessStore(settings.database_url, pool_size=STORE_THREADS))
        self._documents = stack.enter_context(SqlDocumentStore(settings.database_url, pool_size=STORE_THREADS))
        self._policies = TenantPolicies(
            house=settings.house,
            accounts=self._access_store if settings.access.keys else None,
            blocking=self._blocking,
        )
        self._objects = S3ObjectStore(settings.objects, settings.storage)
        self._queues = SqsQueues(settings.queue, visibility_timeout_s=bulk.lease_s)
        self._storage = S3Storage(settings.storage)
        self._models = TritonModels(settings.triton, ModelMetrics(self.metrics))
        self._opener = make_file_opener(settings.opener, settings.storage, OpenerMetrics(self.metrics))
        self._memory = None
        if settings.remember.enabled and RoleName.READ in roles:
            # In this process alone: of tenants whose documents are kept the pages' images are wanted, each time.
            self._memory = Memory(settings.remember, kind=Kind.READING, metrics=self.metrics)

    async def start(self) -> None:
        """Start the adapters that these roles use."""
        adapters: list[_Adapter] = [self._objects]
        if self._roles & _WITH_QUEUES:
            adapters.append(self._queues)
        if RoleName.READ in self._roles:
            adapters += [self._models, self._opener, *([] if self._memory is None else [self._memory])]
            if self._settings.storage.allow or self._settings.access.keys:
                adapters.append(self._storage)
        for adapter in adapters:
            await adapter.start()
            self._stack.push_async_callback(adapter.close)

    def preparations(self) -> dict[str, Step]:
        """What must have succeeded before the roles begin."""
        steps: dict[str, Step] = {}
        if self._settings.bulk.migrate:
            steps["migrations"] = partial(self._blocking.run, self._migrate)
        steps["object store"] = self._objects.ensure_bucket
        if self._roles & _WITH_QUEUES:
            steps["queues"] = self._queues.ensure_queues
        return steps

    def _migrate(self) -> None:
        """Bring the tables to this version, unless they are; most starts find them so, and need no Alembic."""
        try:
            self._store.check()
        except NotReady:
            upgrade(self._settings.database_url)

    def readiness(self) -> Readiness:
        """What the roles of this process depend on."""
        checks = self._checks(*self._roles)
        if self._roles & _WITH_QUEUES:
            checks["queues"] = self._queues.ensure_queues
        return Readiness(checks)

    def _checks(self, *roles: RoleName) -> dict[str, Check]:
        """What these roles depend on, besides the queues."""
        checks: dict[str, Check] = {
            "job database": partial(self._blocking.run, self._store.check),
            "object store": self._objects.ensure_bucket,
        }
        if RoleName.READ in roles:
            checks["models"] = partial(_check_models, self._models)
            checks["file opener"] = self._opener.start  # does nothing where it runs already
        return checks

    def http_role(self, stop: asyncio.Event) -> HttpRole | None:
        """The API, or health and metrics alone where a port is set for them."""
        bulk, readiness = self._settings.bulk, self.readiness()
        if RoleName.API not in self._roles and bulk.vitals_port is None:
            return None
        access = open_access(
            self._settings.access,
            database_url=self._settings.database_url,
            house=self._settings.house,
            metrics=self.metrics,
        )
        if RoleName.API in self._roles:
            from async_worker.api.app import make_app  # noqa: PLC0415 - the other roles start sooner without it

            app = make_app(
                store=self._store,
                blocking=self._blocking,
                objects=self._objects,
                bulk=bulk,
                webhooks=self._settings.webhooks,
                metrics=self.metrics,
                readiness=readiness,
                lifespan=no_lifespan,
                stopping=stop,
                schemas=make_catalogue(self._settings.postprocess),
                access=access,
                administration=self._access_store,
                documents=self._documents,
            )
            return HttpRole(app, host=bulk.host, port=bulk.port, shutdown_grace_s=bulk.shutdown_grace_s)
        vitals = make_vitals_app(metrics=self.metrics, readiness=readiness, access=access)
        return HttpRole(vitals, host=bulk.host, port=bulk.vitals_port or 0, shutdown_grace_s=0)

    def roles(self) -> list[Role]:
        """Those of this process, but for what is served by HTTP."""
        makers: dict[RoleName, Callable[[], Role]] = {
            RoleName.DISPATCHER: self._dispatcher,
            RoleName.INTAKE: self._intake,
            RoleName.WEBHOOKS: self._webhooks,
            RoleName.READ: self._read,
            RoleName.STRUCTURE: self._structure,
        }
        return [make() for name, make in makers.items() if name in self._roles]

    def _removal(self) -> DocumentRemoval:
        return DocumentRemoval(
            documents=self._documents, jobs=self._store, objects=self._objects, blocking=self._blocking
        )

    def _dispatcher(self) -> Role:
        return Dispatcher(
            store=self._store,
            queues=self._queues,
            objects=self._objects,
            blocking=self._blocking,
            settings=self._settings.bulk,
            metrics=self.metrics,
            documents=self._documents,
            retention=DocumentRetention(
                documents=self._documents,
                removal=self._removal(),
                policies=self._policies,
                objects=self._objects,
                blocking=self._blocking,
                metrics=self.metrics,
            ),
            deletions=TenantDeletions(
                administration=self._access_store,
                store=self._store,
                objects=self._objects,
                blocking=self._blocking,
                settings=self._settings.bulk,
                keep_audit_days=self._settings.access.keep_audit_days,
                documents=self._documents,
            ),
            keep_remembered_s=self._settings.remember.keep_s,
        )

    def _intake(self) -> Role:
        return Intake(
            store=self._store,
            queues=self._queues,
            objects=self._objects,
            policies=self._policies,
            blocking=self._blocking,
            settings=self._settings.bulk,
            metrics=self.metrics,
        )

    def _webhooks(self) -> Role:
        return WebhookSender(
            store=self._store,
            objects=self._objects,
            blocking=self._blocking,
            settings=self._settings.webhooks,
            policies=self._policies,
            metrics=self.metrics,
            shutdown_grace_s=self._settings.bulk.shutdown_grace_s,
        )

    def _keeping(self, workers: Executor) -> DocumentKeeping:
        return DocumentKeeping(
            policies=self._policies,
            objects=self._objects,
            store=self._documents,
            blocking=self._blocking,
            workers=workers,
            jpeg_quality=self._settings.pdf.jpeg_quality,
        )

    def _read(self) -> Role:
        settings = self._settings
        limits = settings.limits.to_open_limits()
        workers = self._threads(settings.preprocess.cpu_threads, "pixels")
        stage = ReadStage(
            store=self._store,
            objects=self._objects,
            sources=SourceReader(
                sources=JobSources(self._objects),
                policies=self._policies,
                objects=self._objects,
                storage=self._storage,
            ),
            opener=self._opener,
            models=self._models,
            workers=workers,
            limits=limits,
            settings=settings.bulk,
            pdf=settings.pdf,
            metrics=self._stage_metrics,
            second_look=settings.preprocess.second_look,
            remembered=self._remembered(limits, workers),
            keeping=self._keeping(workers),
        )
        kinds = frozenset({Stage.READ, Stage.READ_RANGE})
        return self._consumer(RoleName.READ, QueueName.READ, kinds, stage, settings.bulk.read_documents)

    def _remembered(self, limits: OpenLimits, workers: Executor) -> RememberedReadings | None:
        settings = self._settings
        if self._memory is None:
            return None
        house_sha256 = pixel_identity(
            limits=bulk_limits(limits, settings.bulk),
            second_look=settings.preprocess.second_look,
            opener=settings.opener,
            pdf=settings.pdf,
            generation=settings.remember.generation,
        )
        return RememberedReadings(
            self._memory, models=self._models, policies=self._policies, workers=workers, house_sha256=house_sha256
        )

    def _structure(self) -> Role:
        bulk, postprocess = self._settings.bulk, self._settings.postprocess
        partners = make_partners(postprocess, self.metrics)
        if partners is not None:
            self._stack.callback(partners.close)
        workers = self._threads(bulk.structure_documents, "text")
        stage = StructureStage(
            store=self._store,
            objects=self._objects,
            pipeline=make_pipeline(postprocess, partners, self.metrics),
            workers=workers,
            pdf=self._settings.pdf,
            keeping=self._keeping(workers),
        )
        kinds = frozenset({Stage.STRUCTURE})
        return self._consumer(RoleName.STRUCTURE, QueueName.STRUCTURE, kinds, stage, bulk.structure_documents)

    def _consumer(
        self, role: RoleName, queue: QueueName, kinds: frozenset[Stage], work: StageWork, places: int
    ) -> StageConsumer:
        shop = Workshop(
            role=role.value,
            queue=self._queues.queue(queue),
            stages=kinds,
            work=work,
            store=self._store,
            discards=Discards(self._objects),
            blocking=self._blocking,
            gate=Gate(Readiness(self._checks(role)), name=f"bulk.{role.value}"),
            settings=self._settings.bulk,
            metrics=self._stage_metrics,
        )
        return StageConsumer(shop=shop, places=places)

    def _threads(self, count: int, name: str) -> Executor:
        threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        return threads


async def _check_models(models: TritonModels) -> None:
    if not await models.ready():
        raise NotReady("Triton does not answer, or has not loaded them yet")
