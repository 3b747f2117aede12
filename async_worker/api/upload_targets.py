"""``POST /v1/uploads``: addresses that a caller puts documents to by itself, past the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from async_worker.api.answers import UploadTarget, UploadTargets
from async_worker.api.job_options import explain
from async_worker.object_keys import new_upload_id, presigned_upload_key
from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest
from ocr_core.contracts.jobs import MAX_REFERENCE_CHARACTERS
from ocr_core.contracts.objects import ObjectStore

MAX_FILES = 1_000
MAX_JSON_BYTES = 1 << 20


def _whole(value: object) -> object:
    """To JSON Schema 3.0 is an integer, as it is to JavaScript."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class UploadFile(BaseModel):
    """A document that is to be put into object storage."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    file_name: str | None = Field(
        default=None, max_length=MAX_REFERENCE_CHARACTERS, description="Comes back with the target; no more than that."
    )
    size_bytes: Annotated[int | None, BeforeValidator(_whole)] = Field(
        default=None, ge=1, description="Then the URL takes a document of exactly this size, and no other."
    )


class UploadRequest(BaseModel):
    """What ``POST /v1/uploads`` takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    files: list[UploadFile] = Field(min_length=1, max_length=MAX_FILES)


class UploadDesk:
    """Signs addresses; nothing is stored until a caller uses them."""

    def __init__(self, objects: ObjectStore, *, ttl_s: int, max_file_bytes: int) -> None:
        self._objects = objects
        self._ttl_s = ttl_s
        self._max_file_bytes = max_file_bytes

    async def targets(self, untrusted_body: bytes, *, tenant: str) -> UploadTargets:
        """One target for each file asked for, under the tenant's own uploads.

        Raises:
            InvalidRequest: the body is not what is taken here; the detail names what is off.
            DocumentTooLarge: a size is over the limit.
            NotReady: there are no keys to sign with.
        """
        request = _parse(untrusted_body)
        for index, file in enumerate(request.files):
            if file.size_bytes is not None and file.size_bytes > self._max_file_bytes:
                raise DocumentTooLarge(
                    f"files[{index}]: over the limit of {self._max_file_bytes} bytes (max_body_bytes)"
                )
        # Before signing, so that none is good for less long than it says.
        expires_at = datetime.now(UTC) + timedelta(seconds=self._ttl_s)
        return UploadTargets(uploads=[await self._target(file, tenant, expires_at) for file in request.files])

    async def _target(self, file: UploadFile, tenant: str, expires_at: datetime) -> UploadTarget:
        key = presigned_upload_key(tenant, new_upload_id())
        url = await self._objects.presign_put(key, expires_s=self._ttl_s, size_bytes=file.size_bytes)
        return UploadTarget(
            source=self._objects.uri(key), file_name=file.file_name, url=url, headers={}, expires_at=expires_at
        )


def _parse(untrusted_body: bytes) -> UploadRequest:
    try:
        return UploadRequest.model_validate_json(untrusted_body)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise InvalidRequest(explain(problem["type"], problem["loc"], problem["msg"])) from None
