"""What ``uploads.py`` does, on asyncio: several files at a time, each in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from ocr_client.async_connection import AsyncConnection
from ocr_client.endpoint import Endpoint
from ocr_client.uploads import (
    AT_ONCE,
    LocalFile,
    OnUploaded,
    Storage,
    UploadTarget,
    in_portions,
    put_call,
    targets_call,
)


async def upload_files(
    connection: AsyncConnection, files: Sequence[LocalFile], *, on_uploaded: OnUploaded | None
) -> list[str]:
    """Upload all; the sources by which a job names them, in the same order.

    Raises:
        OSError: A file cannot be read, or changed meanwhile.
        OcrClientError: The server or its storage refused, or could not be reached.
    """
    sources: list[str] = []
    async with AsyncExitStack() as stack:

        def connect(endpoint: Endpoint) -> AsyncConnection:
            opened = AsyncConnection(endpoint)
            stack.push_async_callback(opened.aclose)
            return opened

        storage = Storage(connection.endpoint.retry, connect)
        places = asyncio.Semaphore(AT_ONCE)

        async def put(file: LocalFile, target: UploadTarget) -> str:
            async with places:
                return await storage.connection(target.url).call(put_call(file, target))

        for some in in_portions(files):
            targets = await connection.call(targets_call(some))
            puts = [asyncio.create_task(put(file, target)) for file, target in zip(some, targets, strict=True)]
            try:
                for task in puts:
                    sources.append(await task)
                    if on_uploaded is not None:
                        on_uploaded(len(sources))
            finally:
                for task in puts:
                    task.cancel()
                await asyncio.gather(*puts, return_exceptions=True)
    return sources
