"""Our own objects over S3's protocol: one bucket and prefix, for uploads, readings and results.

boto3 blocks, so it runs in a bounded number of threads. What a caller names by ``s3://`` is read with
``adapters.storage`` instead, behind the allow-list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, TypeVar, cast

from ocr_core.adapters.aws_clients import s3_client
from ocr_core.adapters.object_parts import BoundedFile, Download, check_key, disposition, transfer_config
from ocr_core.contracts.errors import InternalError, NotFound, NotReady, OcrError
from ocr_core.contracts.objects import MAX_DELETES, MAX_KEY_BYTES, MAX_PRESIGNED_S, ObjectInfo
from ocr_core.settings import ObjectStoreSettings, StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

_READ_TIMEOUT_S = 10.0
_ATTEMPTS = 3
_REGION_WITHOUT_A_NAME = "us-east-1"
"""S3's first region: making a bucket there must not name it."""

Answer = TypeVar("Answer")


class S3ObjectStore:
    """Implements ``contracts.objects.ObjectStore``."""

    def __init__(self, settings: ObjectStoreSettings, storage: StorageSettings) -> None:
        """Store where the objects are.

        Args:
            settings: Bucket, prefix, and whether the bucket may be made.
            storage: Endpoint, region and keys.
        """
        self._settings = settings
        self._storage = storage
        self._executor: ThreadPoolExecutor | None = None
        self._checks: ThreadPoolExecutor | None = None
        self._client: S3Client | None = None
        self._public_client: S3Client | None = None

    async def start(self) -> None:
        """Make the clients; nothing is asked of the store yet."""
        self._executor = ThreadPoolExecutor(self._settings.max_transfers, thread_name_prefix="objects")
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="objects-check")
        await asyncio.get_running_loop().run_in_executor(self._executor, self._make_clients)

    async def close(self) -> None:
        """Let go of threads and connections; transfers still running end by themselves."""
        for executor in (self._executor, self._checks):
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
        for client in (self._client, self._public_client):
            if client is not None:
                client.close()

    async def ensure_bucket(self) -> None:
        """Make the bucket if it is missing, where the settings allow it.

        It has a thread of its own, so that a store that is busy with transfers still counts as one that answers.

        Raises:
            NotReady: it is missing and may not be made, or the store does not answer or refuses us.
        """
        await self._call(self._find_bucket, on=self._checks)

    def uri(self, key: str) -> str:
        """The object as ``s3://bucket/key``."""
        return f"s3://{self._settings.bucket}/{self._key(key)}"

    async def put(
        self, key: str, body: bytes, *, content_type: str, notes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Store a small object (some megabytes), replacing an earlier one, with notes in ASCII."""
        name = self._key(key)
        await self._call(
            lambda client: client.put_object(
                Bucket=self._settings.bucket, Key=name, Body=body, ContentType=content_type, Metadata=dict(notes)
            )
        )

    async def put_file(self, key: str, file: IO[bytes], *, content_type: str, max_bytes: int) -> int:
        """Store what ``file`` holds from its position on, in parts, in bounded memory; the bytes stored.

        The file stays open and is the caller's to close. A cancelled upload stops at its next read.

        Raises:
            DocumentTooLarge: more than ``max_bytes``; nothing is stored.
        """
        name = self._key(key)
        source = BoundedFile(file, max_bytes=max_bytes)

        def upload(client: S3Client) -> None:
            client.upload_fileobj(
                cast("IO[bytes]", source),  # the transfer manager reads and does nothing else
                self._settings.bucket,
                name,
                ExtraArgs={"ContentType": content_type},
                Config=transfer_config(),
            )

        try:
            await self._call(upload)
        finally:
            source.stop()
        return source.size_bytes

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """Read a whole object.

        Raises:
            NotFound: there is none.
            DocumentTooLarge: it holds more than ``max_bytes``.
        """
        download = self._download(key, max_bytes)
        try:
            return await self._call(lambda _client: download.whole())
        finally:
            download.give_up()

    @asynccontextmanager
    async def stream(self, key: str, *, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read an object chunk by chunk; leaving the context ends the download.

        Raises:
            NotFound: there is none; with the first chunk, as everything else.
            DocumentTooLarge: it holds more than ``max_bytes``.
        """
        download = self._download(key, max_bytes)

        async def follow() -> AsyncIterator[bytes]:
            while (chunk := await self._call(lambda _client: download.next_chunk())) is not None:
                yield chunk

        try:
            yield follow()
        finally:
            download.give_up()
            # Shielded: a caller that was cancelled must still let go of the connection.
            await asyncio.shield(self._call(lambda _client: download.close()))

    async def head(self, key: str) -> ObjectInfo:
        """What is known of an object.

        Raises:
            NotFound: there is none.
        """
        name = self._key(key)
        answer = await self._call(lambda client: client.head_object(Bucket=self._settings.bucket, Key=name))
        if "ContentLength" not in answer:
            raise NotReady("object storage does not say how large an object is")
        return ObjectInfo(
            key=key,
            size_bytes=answer["ContentLength"],
            modified_at_s=answer["LastModified"].timestamp(),
            notes=MappingProxyType(answer.get("Metadata", {})),
        )

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        name = self._key(key)
        await self._call(lambda client: client.delete_object(Bucket=self._settings.bucket, Key=name))

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Remove at most ``MAX_DELETES`` objects in one call: fifty cost what two cost one by one.

        Raises:
            NotReady: also where some of them could not be deleted.
        """
        if len(keys) > MAX_DELETES:
            raise InternalError(f"one call deletes at most {MAX_DELETES} objects")
        names = [self._key(key) for key in keys]
        if not names:
            return
        answer = await self._call(
            lambda client: client.delete_objects(
                Bucket=self._settings.bucket, Delete={"Objects": [{"Key": name} for name in names], "Quiet": True}
            )
        )
        if failed := answer.get("Errors"):
            raise NotReady(f"object storage did not delete {len(failed)} objects: {failed[0].get('Code')}")

    async def scan(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """The objects whose keys start with ``prefix``, in key order, page by page."""
        ours = self._settings.prefix
        after = ""
        while True:
            page = await self._call(partial(self._page, prefix=ours + prefix, after=after))
            for item in page.get("Contents", []):
                after = item["Key"]
                yield ObjectInfo(
                    key=after.removeprefix(ours),
                    size_bytes=item["Size"],
                    modified_at_s=item["LastModified"].timestamp(),
                )
            if not page.get("IsTruncated"):
                return

    async def presign_put(self, key: str, *, expires_s: int, size_bytes: int | None = None) -> str:
        """A URL that takes one object by HTTP PUT; with ``size_bytes``, only one of exactly that size.

        The size that comes is the sender's word where none is given here: check it with ``head``, or when reading.
        """
        parameters: dict[str, object] = {"Bucket": self._settings.bucket, "Key": self._key(key)}
        if size_bytes is not None:
            parameters["ContentLength"] = size_bytes
        return await self._presign("put_object", parameters, expires_s)

    async def presign_get(self, key: str, *, expires_s: int, content_type: str, file_name: str | None = None) -> str:
        """A URL that gives the object by HTTP GET, under that media type, as a download where a name is given."""
        parameters: dict[str, object] = {
            "Bucket": self._settings.bucket,
            "Key": self._key(key),
            "ResponseContentType": content_type,
        }
        if file_name is not None:
            parameters["ResponseContentDisposition"] = disposition(file_name)
        return await self._presign("get_object", parameters, expires_s)

    def _key(self, key: str) -> str:
        name = self._settings.prefix + key
        check_key(name, max_bytes=MAX_KEY_BYTES)
        return name

    async def _presign(self, method: str, parameters: dict[str, object], expires_s: int) -> str:
        if not 1 <= expires_s <= MAX_PRESIGNED_S:
            raise InternalError(f"a URL is good for 1 to {MAX_PRESIGNED_S} s, not for {expires_s}")
        # On a thread: the first signature may have to ask the instance for its keys.
        return await self._call(
            lambda client: (self._public_client or client).generate_presigned_url(
                method, Params=parameters, ExpiresIn=expires_s
            )
        )

    async def _call(self, operation: Callable[[S3Client], Answer], *, on: ThreadPoolExecutor | None = None) -> Answer:
        executor = on or self._executor
        if executor is None or self._client is None:
            raise _not_connected()
        return await asyncio.get_running_loop().run_in_executor(executor, self._run, self._client, operation)

    def _run(self, client: S3Client, operation: Callable[[S3Client], Answer]) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return operation(client)
        except ClientError as error:
            raise _explain(error.response) from None
        except (BotoCoreError, OSError) as error:
            raise NotReady(f"object storage does not answer: {type(error).__name__}") from None

    def _page(self, client: S3Client, *, prefix: str, after: str) -> ListObjectsV2OutputTypeDef:
        return client.list_objects_v2(Bucket=self._settings.bucket, Prefix=prefix, StartAfter=after)

    def _download(self, key: str, max_bytes: int) -> Download:
        if self._client is None:
            raise _not_connected()
        return Download(self._client, bucket=self._settings.bucket, key=self._key(key), max_bytes=max_bytes)

    def _make_clients(self) -> None:
        self._client = self._make_client(None)
        if self._settings.public_endpoint_url is not None:
            self._public_client = self._make_client(self._settings.public_endpoint_url)

    def _make_client(self, endpoint_url: str | None) -> S3Client:
        return s3_client(
            self._storage,
            max_connections=self._settings.max_transfers + 1,  # for the check
            read_timeout_s=_READ_TIMEOUT_S,
            attempts=_ATTEMPTS,
            endpoint_url=endpoint_url,
        )

    def _find_bucket(self, client: S3Client) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        bucket, region = self._settings.bucket, self._storage.region
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
        else:
            return
        if not self._settings.create_bucket:
            raise NotReady(f"there is no bucket {bucket}")
        try:
            if region == _REGION_WITHOUT_A_NAME:
                client.create_bucket(Bucket=bucket)
            else:
                # Every region is one of those that the stubs list, or boto3's own tables are older than the region.
                client.create_bucket(
                    Bucket=bucket,
                    CreateBucketConfiguration={"LocationConstraint": cast("BucketLocationConstraintType", region)},
                )
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":  # another process was first
                raise


def _not_connected() -> NotReady:
    return NotReady("object storage is not connected")


def _explain(response: object) -> OcrError:
    """What a refusal means. Its message stays out: it may name our credentials."""
    match response:
        case {"Error": {"Code": "NoSuchKey" | "404"}}:
            return NotFound("there is no such object")
        case {"Error": {"Code": str(code)}}:
            return NotReady(f"object storage failed: {code}")
        case _:
            return NotReady("object storage failed")
