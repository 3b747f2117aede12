"""Sources in object storage: whose fault a refusal is, and that a slow store holds nobody but its own caller up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.storage import S3Storage
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, DocumentTooLarge, Forbidden, InvalidRequest, NotReady, OcrError
from ocr_core.settings import ObjectStoreSettings, StorageSettings
from tests.support.object_store import ObjectStore

LIMIT = 1_000_000
OBJECT = bytes(range(256)) * 20


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as store:
        store.objects["documents/sound"] = OBJECT
        yield store


def settings(store: ObjectStore) -> StorageSettings:
    secret = SecretStr("secret")
    return StorageSettings(endpoint_url=store.url, access_key_id=secret, secret_access_key=secret, max_downloads=1)


@asynccontextmanager
async def reader_of(store: ObjectStore) -> AsyncIterator[S3Storage]:
    storage = S3Storage(settings(store))
    await storage.start()
    try:
        yield storage
    finally:
        await storage.close()


@asynccontextmanager
async def own_objects_in(store: ObjectStore) -> AsyncIterator[S3ObjectStore]:
    objects = S3ObjectStore(ObjectStoreSettings(bucket="documents", max_transfers=1), settings(store))
    await objects.start()
    try:
        yield objects
    finally:
        await objects.close()


async def fetch(storage: S3Storage, key: str, *, max_bytes: int = LIMIT, timeout_s: float = 30.0) -> bytes:
    return await storage.fetch("documents", key, max_bytes=max_bytes, deadline=Deadline.after(timeout_s))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", InvalidRequest),
        (404, "NoSuchBucket", InvalidRequest),
        (400, "InvalidBucketName", InvalidRequest),
        (400, "KeyTooLongError", InvalidRequest),
        (403, "AccessDenied", Forbidden),
        (403, "InvalidObjectState", Forbidden),
        # What follows is between the store and us.
        (400, "ExpiredToken", NotReady),
        (400, "InvalidToken", NotReady),
        (400, "TokenRefreshRequired", NotReady),
        (400, "AuthorizationHeaderMalformed", NotReady),
        (403, "InvalidAccessKeyId", NotReady),
        (403, "SignatureDoesNotMatch", NotReady),
        (403, "RequestTimeTooSkewed", NotReady),
        (403, "RequestExpired", NotReady),
        (301, "PermanentRedirect", NotReady),
        (307, "TemporaryRedirect", NotReady),
        (400, "RequestTimeout", NotReady),
        (400, "ThrottlingException", NotReady),
        (429, "TooManyRequests", NotReady),
        (503, "SlowDown", NotReady),
        (500, "InternalError", NotReady),
    ],
)
async def test_whose_fault_a_refusal_is(store: ObjectStore, status: int, code: str, error: type[OcrError]) -> None:
    store.refusals["documents/refused"] = (status, code)
    async with reader_of(store) as storage:
        with pytest.raises(error) as caught:
            await fetch(storage, "refused")
    assert type(caught.value) is error


async def test_an_object_that_does_not_say_how_long_it_is(store: ObjectStore) -> None:
    store.objects["documents/chunked"] = OBJECT
    store.chunked.add("documents/chunked")
    async with reader_of(store) as storage:
        assert await fetch(storage, "chunked") == OBJECT
        with pytest.raises(DocumentTooLarge):
            await fetch(storage, "chunked", max_bytes=len(OBJECT) - 1)
    async with own_objects_in(store) as objects:
        assert await objects.get("chunked", max_bytes=LIMIT) == OBJECT


class TestASlowStore:
    """One thread only: whoever keeps it keeps everybody out."""

    @pytest.fixture(params=[0.02, 30.0], ids=["a byte now and then", "nothing"])
    def slow_store(self, request: pytest.FixtureRequest, store: ObjectStore) -> ObjectStore:
        store.objects["documents/slow"] = bytes(LIMIT)
        store.pauses_s["documents/slow"] = request.param
        return store

    async def test_does_not_outlive_the_deadline(self, slow_store: ObjectStore) -> None:
        async with reader_of(slow_store) as storage:
            with pytest.raises(DeadlineExceeded, match="download"):
                await fetch(storage, "slow", timeout_s=0.5)
            assert await fetch(storage, "sound", timeout_s=3.0) == OBJECT

    async def test_does_not_outlive_its_caller(self, slow_store: ObjectStore) -> None:
        async with reader_of(slow_store) as storage:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await fetch(storage, "slow")
            assert await fetch(storage, "sound", timeout_s=3.0) == OBJECT

    async def test_does_not_outlive_who_reads_our_own_objects(self, slow_store: ObjectStore) -> None:
        async with own_objects_in(slow_store) as objects:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await objects.get("slow", max_bytes=LIMIT)
            async with asyncio.timeout(3.0):
                assert await objects.get("sound", max_bytes=LIMIT) == OBJECT

    async def test_does_not_outlive_who_streams_them(self, slow_store: ObjectStore) -> None:
        async with own_objects_in(slow_store) as objects:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5), objects.stream("slow", max_bytes=LIMIT) as chunks:
                    await anext(chunks)
            async with asyncio.timeout(3.0):
                assert await objects.get("sound", max_bytes=LIMIT) == OBJECT
