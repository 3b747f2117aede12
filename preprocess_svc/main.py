"""Wires the pixel side together: settings in, a served application out. Nothing else knows which adapters are used."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import FastAPI

from ocr_core import tracing
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.model_metrics import ModelMetrics
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.openers import make_file_opener
from ocr_core.adapters.postprocess import HttpStructurer
from ocr_core.adapters.remembered import Kind, Memory
from ocr_core.adapters.storage import S3Storage
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.areas import OwnAreas
from ocr_core.contracts.errors import NotReady
from ocr_core.service import Readiness, create_app, serve
from ocr_core.service.declarations import all_open
from ocr_core.service.opening_access import open_access
from ocr_core.service.quotas import SyncQuotas
from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    ExposureSettings,
    FileOpenerSettings,
    LimitSettings,
    LogSettings,
    ObjectStoreSettings,
    PageSettings,
    PdfSettings,
    PreprocessSettings,
    RememberSettings,
    StorageSettings,
    TracingSettings,
    TritonSettings,
    check_exposure,
    is_loopback,
    load,
)
from ocr_core.telemetry import Metrics, configure_logging
from preprocess_svc.admission import Admission
from preprocess_svc.admission_metrics import AdmissionMetrics
from preprocess_svc.door import LOOKED_AT_ONCE, Door
from preprocess_svc.keeping import STORE_THREADS, DocumentKeeper
from preprocess_svc.pdf_answers import PdfAnswers, image_budget
from preprocess_svc.pixel_identity import pixel_identity
from preprocess_svc.remembered_answers import RememberedAnswers
from preprocess_svc.routes import components, make_router
from preprocess_svc.sagemaker import make_router as make_contract_router
from preprocess_svc.sagemaker_settings import (
    SERVE,
    Contract,
    SageMakerPlatformSettings,
    SageMakerSettings,
    settle_contract,
)
from preprocess_svc.shown_pages import ShownPages
from preprocess_svc.sources import Sources
from preprocess_svc.sync_road import SyncRoad
from preprocess_svc.text_side_watch import TextSideWatch
from web_page import routes as web_page
from web_page.site import Site

_DESCRIPTION = "Send an invoice or a receipt, get its lines and fields. See api.md of the project."


class _Adapter(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...


def make_app(
    *,
    settings: PreprocessSettings,
    limits: LimitSettings,
    triton: TritonSettings,
    file_opener: FileOpenerSettings,
    storage: StorageSettings,
    pdf: PdfSettings,
    page: PageSettings,
    access: AccessSettings,
    bulk: BulkSettings,
    objects: ObjectStoreSettings,
    documents: DocumentSettings,
    remember: RememberSettings | None = None,
    sagemaker: Contract | None = None,
) -> FastAPI:
    """The public application. Its adapters are started and closed with it.

    Where ``sagemaker`` says so it serves that contract, for its tenant, and nothing else. Without ``remember`` no
    answer is remembered.
    """
    metrics = Metrics()
    house = HouseTenant(name=bulk.tenant, source_prefixes=storage.allow, retention_days=documents.retention_days)
    gate = open_access(
        access,
        database_url=bulk.database_url.get_secret_value(),
        house=house if sagemaker is None else sagemaker.house,
        metrics=metrics,
    )
    models = TritonModels(triton, ModelMetrics(metrics))
    opener = make_file_opener(file_opener, storage, OpenerMetrics(metrics))
    structurer = HttpStructurer(settings.structure_url)
    text_side = TextSideWatch(structurer.check)
    store = S3Storage(storage)
    workers = ThreadPoolExecutor(settings.cpu_threads, thread_name_prefix="pixels")
    images = image_budget(pdf)
    keeper = None
    if access.keys or documents.retention_days:  # with keys on, any tenant may get retention
        keeper = DocumentKeeper(
            objects=S3ObjectStore(objects, storage),
            store=SqlDocumentStore(bulk.database_url.get_secret_value(), pool_size=STORE_THREADS),
            budget=image_budget(pdf),  # its own: what is kept takes no memory from what is answered
            jpeg_quality=pdf.jpeg_quality,
            keep_timeout_s=documents.keep_timeout_s,
            metrics=metrics,
        )
    remember = remember if remember is not None and remember.enabled else None
    shared = None if remember is None or not remember.shared else S3ObjectStore(objects, storage)
    memory = None if remember is None else Memory(remember, kind=Kind.ANSWER, metrics=metrics, objects=shared)
    remembered = None
    if remember is not None and memory is not None:
        house_sha256 = pixel_identity(
            limits=limits.to_open_limits(),
            second_look=settings.second_look,
            opener=file_opener,
            pdf=pdf,
            generation=remember.generation,
        )
        remembered = RememberedAnswers(
            memory, models=models, structurer=structurer, keeper=keeper, house_sha256=house_sha256
        )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(workers.shutdown, wait=False, cancel_futures=True)
            adapters: list[_Adapter] = [models, opener, structurer, text_side]
            if storage.allow or access.keys:  # with keys on, any tenant may get a source that it may read
                adapters.append(store)
            if keeper is not None:
                adapters.append(keeper)
            adapters += [each for each in (shared, memory) if each is not None]
            for adapter in adapters:
                await adapter.start()
                stack.push_async_callback(adapter.close)
            yield

    road = SyncRoad(
        admission=Admission(
            max_documents=settings.max_documents,
            max_reading=settings.max_documents_reading,
            deadline_share=settings.deadline_share,
            metrics=AdmissionMetrics(metrics),
        ),
        quotas=SyncQuotas(metrics),
        limits=limits.to_open_limits(),
        sources=Sources(storage=store, own_areas=OwnAreas(S3ObjectStore(objects, storage))),
        opener=opener,
        models=models,
        workers=workers,
        structurer=structurer,
        text_side=text_side,
        pdfs=PdfAnswers(settings=pdf, workers=workers, budget=images),
        shown_pages=ShownPages(jpeg_quality=pdf.jpeg_quality, budget=images),
        metrics=metrics,
        second_look=settings.second_look,
        keeper=keeper,
        remembered=remembered,
        door=Door(0 if memory is None else LOOKED_AT_ONCE),
    )
    own_version = version("yomitori")
    # The opener's start does nothing where it runs already; else it is started anew.
    readiness = Readiness(
        {
            "models": partial(_check_models, models),
            "postprocess": text_side.look,
            "file opener": opener.start,
            **({"API keys": gate.check} if access.keys else {}),
        }
    )
    routers = [make_router(road) if sagemaker is None else make_contract_router(road, readiness)]
    if page.enabled and sagemaker is None:
        bulk_url = partial(bulk_url_of_page, page=page, own_host=settings.host)
        routers.append(all_open(web_page.make_router(Site.load(), version=own_version, bulk_url=bulk_url)))
    return create_app(
        title="Yomitori",
        version=own_version,
        description=_DESCRIPTION,
        metrics=metrics,
        readiness=readiness,
        routers=routers,
        lifespan=lifespan,
        components=components(),
        access=gate,
    )


def bulk_url_of_page(untrusted_host: str | None, *, page: PageSettings, own_host: str) -> str:
    """Where a browser finds the bulk API; empty for the page's own origin.

    On one machine it is another port of the same host, under the name that the browser used for it: to the browser
    ``localhost`` and ``127.0.0.1`` are two origins.

    Args:
        untrusted_host: The request's ``Host``.
        page: What the operator says.
        own_host: What this service listens on.
    """
    if page.bulk_url is not None:
        return page.bulk_url.rstrip("/")
    try:
        name = urlsplit(f"//{untrusted_host or ''}").hostname
    except ValueError:
        name = None
    is_here = page.bulk_port is not None or is_loopback(own_host)
    if name is None or not (is_here and is_loopback(name)):
        return ""
    port = page.bulk_port or BulkSettings.model_fields["port"].default
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


async def _check_models(models: TritonModels) -> None:
    if not await models.ready():
        raise NotReady("Triton does not answer, or has not loaded them yet")


def main() -> None:
    """Read the settings, serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m preprocess_svc", description="The sync API.")
    parser.add_argument("command", nargs="?", choices=[SERVE], help="what SageMaker runs its containers with")
    options = parser.parse_args()
    configure_logging("preprocess", load(LogSettings))
    tracing.begin("preprocess", load(TracingSettings))
    settings, access, storage, bulk, documents = (
        load(PreprocessSettings),
        load(AccessSettings),
        load(StorageSettings),
        load(BulkSettings),
        load(DocumentSettings),
    )
    contract = settle_contract(
        load(SageMakerSettings),
        load(SageMakerPlatformSettings),
        is_asked_to_serve=options.command == SERVE,
        settings=settings,
        access=access,
        storage=storage,
        bulk=bulk,
        documents=documents,
    )
    serving: PreprocessSettings | Contract = contract or settings
    check_exposure(serving.host, load(ExposureSettings), access)
    app = make_app(
        settings=settings,
        limits=load(LimitSettings),
        triton=load(TritonSettings),
        file_opener=load(FileOpenerSettings),
        storage=storage,
        pdf=load(PdfSettings),
        page=load(PageSettings),
        access=access,
        bulk=bulk,
        objects=load(ObjectStoreSettings),
        documents=documents,
        remember=load(RememberSettings),
        sagemaker=contract,
    )
    serve(app, host=serving.host, port=serving.port, shutdown_grace_s=serving.shutdown_grace_s)
