"""A started ``LambdaFileOpener`` over a function that runs here, with the local object storage between them."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from local_stack.aws import AwsServer
from ocr_core.adapters.lambda_opener import LambdaFileOpener, LambdaOpenerSettings
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.settings import ObjectStoreSettings
from tests.support.aws import storage_settings
from tests.support.lambda_runtime import LambdaService

_FUNCTION = """
from lambda_file_open.lambda_handler import make_handler

handler = make_handler({command!r})
"""
OWN_HANDLER = "lambda_file_open.lambda_function.handler"


@asynccontextmanager
async def exchange_bucket(server: AwsServer) -> AsyncIterator[S3ObjectStore]:
    """A bucket of its own, as a store that sees all of it."""
    store = S3ObjectStore(
        ObjectStoreSettings(bucket=f"test-{uuid.uuid4().hex[:12]}", prefix="", create_bucket=True),
        storage_settings(server),
    )
    await store.start()
    try:
        await store.ensure_bucket()
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opener_over(
    server: AwsServer, store: S3ObjectStore, function_url: str, **settings: int | float
) -> AsyncIterator[LambdaFileOpener]:
    """An opener that calls the function at ``function_url``.

    Args:
        server: Object storage.
        store: Its bucket is the one that is used.
        function_url: Endpoint of an Invoke API.
        settings: Of ``LambdaOpenerSettings``.
    """
    bucket = store.uri("x").removeprefix("s3://").partition("/")[0]
    opener = LambdaFileOpener(
        LambdaOpenerSettings(function="opener", bucket=bucket, endpoint_url=function_url, **settings),  # type: ignore[arg-type]
        storage_settings(server),
    )
    await opener.start()
    try:
        yield opener
    finally:
        await opener.close()


@contextlib.contextmanager
def lambda_service(
    *, pool_command: Sequence[str] | None = None, concurrency: int = 2, timeout_s: float = 60.0
) -> Iterator[LambdaService]:
    """The function as the image runs it, or over another pool."""
    with tempfile.TemporaryDirectory(prefix="lambda-") as folder:
        handler = OWN_HANDLER
        if pool_command is not None:
            (Path(folder) / "function.py").write_text(_FUNCTION.format(command=tuple(pool_command)))
            handler = "function.handler"
        log = Path(folder) / "log"
        with LambdaService(
            handler, folder=Path(folder), log=log, concurrency=concurrency, timeout_s=timeout_s
        ) as service:
            yield service


@asynccontextmanager
async def lambda_opener(
    server: AwsServer,
    *,
    pool_command: Sequence[str] | None = None,
    concurrency: int = 3,
    pages_per_call: int = 4,
    max_documents: int = 3,
    max_waiting: int = 64,
) -> AsyncIterator[LambdaFileOpener]:
    """Everything: bucket, function, opener. For suites that run over every kind of opener.

    Args:
        server: The ``aws_server`` fixture.
        pool_command: What the function executes instead of the pool.
        concurrency: Processes of the function.
        pages_per_call: As in the settings.
        max_documents: Likewise.
        max_waiting: Likewise.
    """
    with lambda_service(pool_command=pool_command, concurrency=concurrency) as service:
        async with (
            exchange_bucket(server) as store,
            opener_over(
                server,
                store,
                service.url,
                pages_per_call=pages_per_call,
                max_documents=max_documents,
                max_waiting=max_waiting,
            ) as opener,
        ):
            yield opener
