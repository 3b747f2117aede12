"""The objects through which one document and its pages reach the function and come back, and the calls about them."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import zlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from ocr_core.adapters.lambda_calls import FunctionCalls, Throttled
from ocr_core.contracts.errors import DocumentTooLarge, NotFound, OcrError, Overloaded
from ocr_core.contracts.lambda_wire import Answer, Call, decode_answer, encode_call, max_object_bytes
from ocr_core.contracts.objects import MAX_DELETES, MAX_PRESIGNED_S, ObjectStore
from ocr_core.contracts.opening_wire import ForgedMessage, OpenRequest

logger = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")

_BYTES = "application/octet-stream"
_URL_GRACE_S = 60
"""How much longer than a call a URL is good: clocks differ, and a call may wait for its place."""
_PAUSES_S = (0.1, 0.3, 0.9)
"""Before another try where Lambda refuses one more call at the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call's answer, and where its pages are."""

    answer: Answer
    page_keys: tuple[str, ...]


class Exchange:
    """What is kept in object storage for one opened document, under a name that nobody can guess.

    Everything that it begins runs on to its end, whoever stops waiting for it: an upload and a call cannot be taken
    back, and what they leave can only be deleted once they have ended.

    Args:
        store: Where the objects are.
        calls: The function.
    """

    def __init__(self, store: ObjectStore, calls: FunctionCalls) -> None:
        self._store = store
        self._calls = calls
        self._name = secrets.token_hex(16)
        self._keys: list[str] = []
        self._under_way: set[asyncio.Task[Any]] = set()
        self._ended = False

    async def put_document(self, untrusted_bytes: bytes) -> None:
        """Store the document.

        Raises:
            NotReady: the store does not take it.
        """
        key = self._key("document")
        await self._to_its_end(self._store.put(key, untrusted_bytes, content_type=_BYTES))

    async def call(self, request: OpenRequest, *, pages: int) -> Called:
        """Have the function open the document and make at most so many pages.

        Raises:
            Overloaded: the function is busy, and stays so over some tries.
            NotReady: it, or the store, is not to be had.
            ForgedMessage: its answer is none.
        """
        return await self._to_its_end(self._call(request, pages))

    async def page(self, key: str, *, byte_count: int) -> bytes:
        """A page's bytes.

        Raises:
            NotReady: the store does not answer.
            ForgedMessage: there are not exactly so many.
        """
        try:
            untrusted = await self._store.get(key, max_bytes=max_object_bytes(byte_count))
        except (NotFound, DocumentTooLarge) as error:
            raise ForgedMessage("a page whose object is missing or too large") from error
        return await asyncio.to_thread(unpack, untrusted, byte_count)

    def end(self) -> None:
        """Begin nothing more."""
        self._ended = True

    async def tidy(self) -> None:
        """Wait for what is under way, and delete every object. What cannot be deleted, the bucket's lifecycle does."""
        self._ended = True
        while self._under_way:
            await asyncio.wait(self._under_way)
        for start in range(0, len(self._keys), MAX_DELETES):
            try:
                await self._store.delete_many(self._keys[start : start + MAX_DELETES])
            except OcrError as error:
                logger.warning("a document's objects were left behind: %s", error, extra={"action": "opener_tidy"})

    async def _call(self, request: OpenRequest, pages: int) -> Called:
        document_key = self._keys[0]
        expires_s = min(MAX_PRESIGNED_S, int(request.timeout_s) + _URL_GRACE_S)
        page_keys = tuple(self._key(f"page-{len(self._keys)}") for _ in range(pages))
        document_url, *page_urls = await asyncio.gather(
            self._store.presign_get(document_key, expires_s=expires_s, content_type=_BYTES),
            *(self._store.presign_put(key, expires_s=expires_s) for key in page_keys),
        )
        call = Call(request=request, document_url=document_url, page_urls=tuple(page_urls))
        untrusted = await self._invoke(encode_call(call))
        return Called(answer=decode_answer(untrusted, max_pages=pages), page_keys=page_keys)

    async def _invoke(self, payload: bytes) -> bytes:
        for pause_s in (*_PAUSES_S, None):
            try:
                return await self._calls.invoke(payload)
            except Throttled:
                if pause_s is None or self._ended:
                    break
                # Jittered: those that were refused together do not come back together.
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311
        raise Overloaded("as many documents as may be are being opened", retry_after_s=1.0)

    def _key(self, name: str) -> str:
        self._keys.append(f"{self._name}/{name}")
        return self._keys[-1]

    async def _to_its_end(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # Seen, even where nobody waits for it any more.


def unpack(untrusted: bytes, byte_count: int) -> bytes:
    """What an object holds: one zlib stream of exactly so many bytes, never more of them in memory.

    Raises:
        ForgedMessage: it does not.
    """
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(untrusted, byte_count)
        # The end of the stream, with its checksum, may lie behind the last byte.
        surplus = unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error as error:
        raise ForgedMessage("a page that cannot be unpacked") from error
    if len(content) != byte_count or surplus or not unpacker.eof or unpacker.unused_data:
        raise ForgedMessage("a page of another size than announced")
    return content
