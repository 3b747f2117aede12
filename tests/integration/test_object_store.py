"""Our own objects against a real S3 server: whole, in parts, in chunks, by presigned URL, and across a crash."""

from __future__ import annotations

import asyncio
import io
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from local_stack.aws import AwsServer
from ocr_core.adapters.aws_clients import s3_client
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.storage import S3Storage
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DocumentTooLarge, InternalError, InvalidRequest, NotFound, NotReady
from ocr_core.settings import ObjectStoreSettings, StorageSettings
from tests.support.aws import make_server, object_settings, storage_settings

KEY = "readings/tenant-a/job_1/doc_1/token.msgpack"
BINARY = "application/octet-stream"
LIMIT = 1_000_000


@asynccontextmanager
async def opened(settings: ObjectStoreSettings, storage: StorageSettings) -> AsyncIterator[S3ObjectStore]:
    store = S3ObjectStore(settings, storage)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(aws_server: AwsServer) -> AsyncIterator[S3ObjectStore]:
    async with opened(object_settings(prefix="bulk/"), storage_settings(aws_server)) as ready:
        await ready.ensure_bucket()
        yield ready


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has a URL and no keys."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def keys(store: S3ObjectStore, prefix: str) -> list[str]:
    return [info.key async for info in store.scan(prefix)]


class TestWholeObjects:
    async def test_what_is_put_is_got(self, store: S3ObjectStore) -> None:
        await store.put(KEY, b"first", content_type=BINARY)
        await store.put(KEY, b"second", content_type=BINARY)
        assert await store.get(KEY, max_bytes=LIMIT) == b"second"
        info = await store.head(KEY)
        assert (info.key, info.size_bytes) == (KEY, 6)
        assert info.modified_at_s > 1_700_000_000
        assert store.uri(KEY).endswith(f"/bulk/{KEY}")

    async def test_notes_are_kept_with_an_object(self, store: S3ObjectStore) -> None:
        await store.put(KEY, b"x", content_type=BINARY, notes={"made-at": "2026-11-21"})
        assert dict((await store.head(KEY)).notes) == {"made-at": "2026-11-21"}
        await store.put(KEY, b"x", content_type=BINARY)
        assert not (await store.head(KEY)).notes

    async def test_it_is_there_for_checks_while_transfers_take_every_thread(self, aws_server: AwsServer) -> None:
        go_on, begun = threading.Event(), threading.Event()

        class Stalling(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                begun.set()
                assert go_on.wait(60)
                return super().read(size)

        settings = object_settings().model_copy(update={"max_transfers": 1})
        async with opened(settings, storage_settings(aws_server)) as store:
            await store.ensure_bucket()
            putting = asyncio.create_task(store.put_file(KEY, Stalling(b"x"), content_type=BINARY, max_bytes=9))
            assert await asyncio.to_thread(begun.wait, 60)
            await store.ensure_bucket()
            assert not putting.done()
            go_on.set()
            assert await putting == 1

    async def test_an_empty_object_is_one(self, store: S3ObjectStore) -> None:
        await store.put(KEY, b"", content_type=BINARY)
        assert await store.get(KEY, max_bytes=LIMIT) == b""

    async def test_a_missing_object_is_not_found(self, store: S3ObjectStore) -> None:
        with pytest.raises(NotFound):
            await store.get("results/none", max_bytes=LIMIT)
        with pytest.raises(NotFound):
            await store.head("results/none")
        with pytest.raises(NotFound):
            async with store.stream("results/none", max_bytes=LIMIT) as chunks:
                await anext(chunks)

    async def test_a_delete_may_be_repeated(self, store: S3ObjectStore) -> None:
        await store.put(KEY, b"x", content_type=BINARY)
        await store.delete(KEY)
        await store.delete(KEY)
        with pytest.raises(NotFound):
            await store.head(KEY)

    async def test_many_are_deleted_in_one_call(self, store: S3ObjectStore) -> None:
        keys = [f"readings/{number}" for number in range(5)]
        for key in keys:
            await store.put(key, b"x", content_type=BINARY)
        await store.delete_many([*keys[1:], "readings/never-there"])
        await store.delete_many([])
        assert [entry.key async for entry in store.scan("readings/")] == keys[:1]

    async def test_an_object_over_the_limit_is_refused(self, store: S3ObjectStore) -> None:
        await store.put(KEY, bytes(100), content_type=BINARY)
        assert len(await store.get(KEY, max_bytes=100)) == 100
        with pytest.raises(DocumentTooLarge, match="99"):
            await store.get(KEY, max_bytes=99)

    async def test_a_scan_goes_through_all_pages_of_one_prefix(self, store: S3ObjectStore) -> None:
        names = [f"uploads/{number:04}" for number in range(1_005)]
        for first in range(0, len(names), 100):
            await asyncio.gather(*(store.put(name, b"", content_type=BINARY) for name in names[first : first + 100]))
        await store.put("uploads-of-another/1", b"", content_type=BINARY)
        assert await keys(store, "uploads/") == names
        assert await keys(store, "none/") == []

    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "a/../b", ".", "a b", "a\\b", "文書", "a?b", "x" * 1_025])
    async def test_a_key_holds_ids_alone(self, store: S3ObjectStore, key: str) -> None:
        with pytest.raises(InternalError):
            await store.put(key, b"", content_type=BINARY)


class TestFilesAndStreams:
    async def test_a_large_file_goes_in_parts_and_comes_in_chunks(self, store: S3ObjectStore) -> None:
        content = random.Random(7).randbytes(20 << 20)  # noqa: S311 - not a secret
        file = io.BytesIO(b"skipped" + content)
        file.seek(len(b"skipped"))
        assert await store.put_file(KEY, file, content_type=BINARY, max_bytes=len(content)) == len(content)
        assert not file.closed
        async with store.stream(KEY, max_bytes=len(content)) as chunks:
            received = [chunk async for chunk in chunks]
        assert len(received) > 10
        assert b"".join(received) == content

    @pytest.mark.parametrize("size_bytes", [0, 1, 8 << 20])
    async def test_files_around_the_size_of_a_part(self, store: S3ObjectStore, size_bytes: int) -> None:
        file = io.BytesIO(bytes(size_bytes))
        assert await store.put_file(KEY, file, content_type=BINARY, max_bytes=size_bytes) == size_bytes
        assert (await store.head(KEY)).size_bytes == size_bytes

    @pytest.mark.parametrize("size_bytes", [1_001, 17 << 20])
    async def test_a_file_over_the_limit_leaves_nothing(self, store: S3ObjectStore, size_bytes: int) -> None:
        limit = 1_000 if size_bytes < 1 << 20 else 16 << 20
        with pytest.raises(DocumentTooLarge):
            await store.put_file(KEY, io.BytesIO(bytes(size_bytes)), content_type=BINARY, max_bytes=limit)
        assert await keys(store, "") == []

    async def test_a_stream_may_be_left_in_the_middle(self, store: S3ObjectStore) -> None:
        await store.put(KEY, bytes(5 << 20), content_type=BINARY)
        for _ in range(20):  # more often than there are connections
            async with store.stream(KEY, max_bytes=5 << 20) as chunks:
                assert await anext(chunks)

    async def test_a_stream_over_the_limit_is_refused(self, store: S3ObjectStore) -> None:
        await store.put(KEY, bytes(1_000), content_type=BINARY)
        with pytest.raises(DocumentTooLarge):
            async with store.stream(KEY, max_bytes=999) as chunks:
                await anext(chunks)


class TestPresignedUrls:
    async def test_a_stranger_puts_and_gets(self, store: S3ObjectStore, browser: httpx.AsyncClient) -> None:
        url = await store.presign_put("uploads/u1", expires_s=60)
        assert (await browser.put(url, content=b"%PDF-")).status_code == 200
        assert await store.get("uploads/u1", max_bytes=LIMIT) == b"%PDF-"
        url = await store.presign_get(
            "uploads/u1", expires_s=60, content_type="application/pdf", file_name='請求"書.pdf'
        )
        answer = await browser.get(url)
        assert answer.content == b"%PDF-"
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E8%AB%8B")

    async def test_a_url_permits_one_object_one_size_and_one_while(
        self, store: S3ObjectStore, browser: httpx.AsyncClient
    ) -> None:
        await store.put("results/r1", b"mine", content_type=BINARY)
        url = await store.presign_get("results/r1", expires_s=1, content_type="text/plain")
        assert (await browser.get(url)).status_code == 200
        assert (await browser.get(url.replace("results/r1", "results/r2"))).status_code == 403
        await asyncio.sleep(2.1)
        assert (await browser.get(url)).status_code == 403
        url = await store.presign_put("uploads/u1", expires_s=60, size_bytes=5)
        assert (await browser.put(url, content=b"123456")).status_code == 403
        assert (await browser.put(url, content=b"12345")).status_code == 200

    async def test_they_are_signed_the_newer_way_and_name_what_they_permit(self, store: S3ObjectStore) -> None:
        query = httpx.URL(await store.presign_put("uploads/u1", expires_s=60, size_bytes=5)).params
        assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
        assert query["X-Amz-Expires"] == "60"
        assert query["X-Amz-SignedHeaders"] == "content-length;host"

    async def test_they_name_the_address_that_callers_reach(self, aws_server: AwsServer) -> None:
        settings = object_settings().model_copy(update={"public_endpoint_url": "https://files.example.org"})
        async with opened(settings, storage_settings(aws_server)) as store:
            url = await store.presign_get("results/r1", expires_s=1, content_type="application/json")
        assert url.startswith(f"https://files.example.org/{settings.bucket}/results/r1?")

    @pytest.mark.parametrize("expires_s", [0, 604_801])
    async def test_no_longer_than_s3_allows(self, store: S3ObjectStore, expires_s: int) -> None:
        with pytest.raises(InternalError):
            await store.presign_put("uploads/u1", expires_s=expires_s)


class TestTheStoreItself:
    async def test_objects_survive_a_crash_and_the_adapter_goes_on(self, tmp_path: Path) -> None:
        with make_server(tmp_path) as server:
            async with opened(object_settings(), storage_settings(server)) as store:
                await store.ensure_bucket()
                await store.put(KEY, b"kept", content_type=BINARY)
                server.kill()
                with pytest.raises(NotReady):
                    await store.get(KEY, max_bytes=LIMIT)
                with pytest.raises(NotReady):
                    await store.put_file(KEY, io.BytesIO(b"x"), content_type=BINARY, max_bytes=1)
                server.start()
                server.wait_ready()
                assert await store.get(KEY, max_bytes=LIMIT) == b"kept"

    async def test_a_missing_bucket_is_named_and_not_made(self, aws_server: AwsServer) -> None:
        settings = object_settings().model_copy(update={"create_bucket": False})
        async with opened(settings, storage_settings(aws_server)) as store:
            with pytest.raises(NotReady, match=settings.bucket):
                await store.ensure_bucket()
            with pytest.raises(NotReady):
                await store.put(KEY, b"", content_type=BINARY)

    async def test_a_bucket_may_be_ensured_by_several_at_once(self, aws_server: AwsServer) -> None:
        async with opened(object_settings(), storage_settings(aws_server)) as store:
            await asyncio.gather(*(store.ensure_bucket() for _ in range(4)))
            await store.put(KEY, b"", content_type=BINARY)

    async def test_nothing_works_before_the_start(self, aws_server: AwsServer) -> None:
        with pytest.raises(NotReady):
            await S3ObjectStore(object_settings(), storage_settings(aws_server)).get(KEY, max_bytes=1)


async def test_sources_that_callers_name_are_read_from_the_same_server(aws_server: AwsServer) -> None:
    settings = storage_settings(aws_server)
    client = s3_client(settings, max_connections=1, read_timeout_s=5, attempts=2)
    client.create_bucket(Bucket="callers")
    client.put_object(Bucket="callers", Key="inbox/請求書 1.pdf", Body=b"%PDF-1.7")
    client.close()
    sources = S3Storage(settings)
    await sources.start()
    try:
        deadline = Deadline.after(30)
        assert await sources.fetch("callers", "inbox/請求書 1.pdf", max_bytes=LIMIT, deadline=deadline) == b"%PDF-1.7"
        with pytest.raises(InvalidRequest, match="no such object"):
            await sources.fetch("callers", "inbox/none.pdf", max_bytes=LIMIT, deadline=deadline)
    finally:
        await sources.close()
