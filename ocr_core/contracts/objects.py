"""Our own objects in object storage: uploads, readings, results. Keys are relative to a bucket and prefix of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, Protocol

MAX_KEY_BYTES = 1_024
"""Of a whole key, prefix included: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
MAX_DELETES = 1_000
"""Of one call: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
MAX_PRESIGNED_S = 604_800
"""Seven days: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What the store knows of an object without reading it."""

    key: str
    size_bytes: int
    modified_at_s: float
    """Seconds since the epoch by the store's clock."""
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What ``put`` noted with it, by names in lower case; only in what ``head`` returns."""


class ObjectStore(Protocol):
    """One bucket and prefix. Every method raises ``NotReady`` where the store does not answer.

    A key is segments of ``A-Z a-z 0-9 . _ - =`` between slashes, none of them ``.`` or ``..``; another one is an
    ``InternalError``, because keys are made of ids and never of what a caller sends.
    """

    def uri(self, key: str) -> str:
        """The object as ``s3://bucket/key``."""
        ...

    async def put(
        self, key: str, body: bytes, *, content_type: str, notes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Store a small object (some megabytes), replacing an earlier one, with notes in ASCII."""
        ...

    async def put_file(self, key: str, file: IO[bytes], *, content_type: str, max_bytes: int) -> int:
        """Store what ``file`` holds from its position on, in parts, in bounded memory; the bytes stored.

        Raises:
            DocumentTooLarge: more than ``max_bytes``; nothing is stored.
        """
        ...

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """Read a whole object.

        Raises:
            NotFound: there is none.
            DocumentTooLarge: it holds more than ``max_bytes``.
        """
        ...

    def stream(self, key: str, *, max_bytes: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read an object chunk by chunk; leaving the context ends the download.

        Raises:
            NotFound, DocumentTooLarge: as for ``get``, with the first chunk; the latter also in the middle, should
            the store misstate sizes.
        """
        ...

    async def head(self, key: str) -> ObjectInfo:
        """What is known of an object.

        Raises:
            NotFound: there is none.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Remove at most ``MAX_DELETES`` objects in one call; those that are not there are no error.

        Raises:
            NotReady: also where some of them could not be deleted; the others are gone.
        """
        ...

    def scan(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """The objects whose keys start with ``prefix``, in key order, page by page."""
        ...

    async def presign_put(self, key: str, *, expires_s: int, size_bytes: int | None = None) -> str:
        """A URL that takes one object by HTTP PUT; with ``size_bytes``, only one of exactly that size."""
        ...

    async def presign_get(self, key: str, *, expires_s: int, content_type: str, file_name: str | None = None) -> str:
        """A URL that gives the object by HTTP GET, under that media type, as a download where a name is given."""
        ...


async def delete_below(objects: ObjectStore, prefix: str) -> int:
    """Delete every object whose key starts with ``prefix``; how many.

    Raises:
        NotReady: the object store does not answer; some of them may be gone.
    """
    count, keys = 0, list[str]()
    async for found in objects.scan(prefix):
        keys.append(found.key)
        if len(keys) == MAX_DELETES:
            await objects.delete_many(keys)
            count, keys = count + len(keys), []
    if keys:
        await objects.delete_many(keys)
    return count + len(keys)
