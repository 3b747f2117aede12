"""A job that comes as ``multipart/form-data``: its files stream into object storage, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pydantic_core import to_json

from async_worker.api.form_uploads import FormUploads
from async_worker.api.job_options import JobOptions, echo
from async_worker.api.json_jobs import ReceivedJob, check_count
from async_worker.api.spool import Spool, SpoolBudget
from async_worker.object_keys import job_upload_key
from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest
from ocr_core.contracts.jobs import NewDocument
from ocr_core.contracts.objects import ObjectStore
from ocr_core.service.multipart import FormEvent, MultipartReader, PartStart
from preprocess_svc.uploads import clean_file_name

FILE_PART = "file"
OPTION_PARTS = ("schema", "formats", "webhook_url", "priority")
_MAX_OPTION_BYTES = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """What one form may hold."""

    max_file_bytes: int
    max_request_bytes: int
    max_documents: int


class FormJob:
    """One form as it arrives. ``uploads`` holds what it has stored, whatever becomes of it."""

    def __init__(
        self, *, tenant: str, job_id: str, objects: ObjectStore, budget: SpoolBudget, limits: FormLimits
    ) -> None:
        self.uploads = FormUploads(objects, max_bytes=limits.max_file_bytes)
        self._tenant = tenant
        self._job_id = job_id
        self._objects = objects
        self._budget = budget
        self._limits = limits
        self._options: dict[str, object] = {}
        self._documents: list[NewDocument] = []
        self._digest = hashlib.sha256()
        self._part: _FilePart | _OptionPart | None = None

    async def receive(self, chunks: AsyncIterator[bytes], content_type: str) -> ReceivedJob:
        """Read the whole body; when it returns, every file is stored.

        Raises:
            InvalidRequest: something is off; the detail names the part.
            DocumentTooLarge: the request, a file or the number of files is over its limit.
            Overloaded: there is no room for another file on its way.
            NotReady: object storage does not answer.
            ClientDisconnect: the caller went away.
        """
        reader = MultipartReader(content_type)
        total_bytes = 0
        try:
            async for chunk in chunks:
                total_bytes += len(chunk)
                check_request_bytes(total_bytes, self._limits.max_request_bytes)
                for event in reader.feed(chunk):
                    await self._take(event)
            reader.finish()
            options = JobOptions.parse(self._options)
            if not self._documents:
                raise InvalidRequest(f"the form has no part named '{FILE_PART}'")
            await self.uploads.finish()
        finally:
            if isinstance(self._part, _FilePart):
                self._part.spool.close()
        return ReceivedJob(options=options, documents=tuple(self._documents), digest=self._digest.hexdigest())

    async def _take(self, event: FormEvent) -> None:
        if isinstance(event, PartStart):
            self._part = self._begin(event)
        elif isinstance(event, bytes):
            await self._append(event)
        else:
            await self._end()

    def _begin(self, start: PartStart) -> _FilePart | _OptionPart:
        if start.name == FILE_PART:
            check_count(len(self._documents) + 1, self._limits.max_documents)
            return _FilePart(
                number=len(self._documents),
                untrusted_file_name=start.untrusted_file_name,
                spool=Spool(self._budget),
                content_digest=hashlib.sha256(),
            )
        if start.name not in OPTION_PARTS:
            known = ", ".join((FILE_PART, *OPTION_PARTS))
            raise InvalidRequest(f"part '{echo(start.name or '')}' is not known; known are {known}")
        if start.name in self._options:
            raise InvalidRequest(f"part '{start.name}' comes more than once")
        return _OptionPart(name=start.name, content=bytearray())

    async def _append(self, content: bytes) -> None:
        part = self._part
        if isinstance(part, _FilePart):
            if part.spool.size_bytes + len(content) > self._limits.max_file_bytes:
                raise DocumentTooLarge(
                    f"{part.title} is over the limit of {self._limits.max_file_bytes} bytes (max_body_bytes)"
                )
            part.content_digest.update(content)
            await part.spool.write(content)
        elif part is not None:
            part.content.extend(content)
            if len(part.content) > _MAX_OPTION_BYTES:
                raise InvalidRequest(f"part '{part.name}' is longer than {_MAX_OPTION_BYTES} bytes")

    async def _end(self) -> None:
        part, self._part = self._part, None
        if isinstance(part, _FilePart):
            await self._keep(part)
        elif part is not None:
            self._note(part.name, None, hashlib.sha256(part.content).hexdigest())
            self._options[part.name] = _read_option(part)

    async def _keep(self, part: _FilePart) -> None:
        if part.spool.size_bytes == 0:
            part.spool.close()
            raise InvalidRequest(f"{part.title} is empty")
        self._note(FILE_PART, part.untrusted_file_name, part.content_digest.hexdigest())
        key = job_upload_key(self._tenant, self._job_id, part.number)
        await self.uploads.add(key, part.spool)
        file_name = clean_file_name(part.untrusted_file_name or "")
        self._documents.append(NewDocument(source=self._objects.uri(key), reference=file_name, file_name=file_name))

    def _note(self, *of_part: str | None) -> None:
        """Two forms are the same if their parts are, in order; the boundary between these is nothing."""
        self._digest.update(to_json(of_part))


@dataclass(frozen=True, slots=True, kw_only=True)
class _FilePart:
    number: int
    untrusted_file_name: str | None
    spool: Spool
    content_digest: hashlib._Hash

    @property
    def title(self) -> str:
        """How a message calls it."""
        return f"file part {self.number} ('{echo(self.untrusted_file_name or '')}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OptionPart:
    name: str
    content: bytearray


def check_request_bytes(size_bytes: int, max_request_bytes: int) -> None:
    """Refuse a request that is too large.

    Raises:
        DocumentTooLarge: naming the limit.
    """
    if size_bytes > max_request_bytes:
        raise DocumentTooLarge(f"the request is over the limit of {max_request_bytes} bytes (max_request_bytes)")


def _read_option(part: _OptionPart) -> object:
    try:
        text = part.content.decode().strip()
    except UnicodeDecodeError:
        raise InvalidRequest(f"part '{part.name}' is not a text in UTF-8") from None
    if part.name == "formats":
        return [one.strip() for one in text.split(",")] if text else []
    return text
