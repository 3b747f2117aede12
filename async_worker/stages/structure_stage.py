"""Text: stored readings to a stored result."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from pydantic_core import to_json

from async_worker.object_keys import reading_objects, result_key
from async_worker.result_lines import MAX_RESULT_BYTES
from async_worker.stages.keeping import DocumentKeeping
from async_worker.stages.merging import merge_readings
from async_worker.stages.pdf_assembly import PdfAssembly, ReadPart
from async_worker.stages.work import Closing, NotBegun, insist
from ocr_core import tracing
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InternalError,
    InvalidRequest,
    NotFound,
    NotReady,
)
from ocr_core.contracts.job_store import Leases
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading_codec import MAX_READING_BYTES, decode_reading
from ocr_core.contracts.result import OcrResult, OutputFormat
from ocr_core.settings import PdfSettings
from postprocess_svc import formats
from postprocess_svc.formats import json_format
from postprocess_svc.pipeline import TextPipeline

FILE_EXTENSIONS: Mapping[OutputFormat, str] = MappingProxyType(
    {
        OutputFormat.JSON: "json",
        OutputFormat.TEXT: "txt",
        OutputFormat.MARKDOWN: "md",
        OutputFormat.HOCR: "hocr.html",
        OutputFormat.ALTO: "alto.xml",
        OutputFormat.PDF: "pdf",
    }
)
"""Of the stored results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    key: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Structured:
    result: OcrResult
    parts: tuple[ReadPart, ...]
    """What it was made of, in page order."""
    value: dict[str, json_format.Json]
    """The JSON result."""
    links: dict[str, str]
    """To the further formats."""
    objects: tuple[_Object, ...]
    """The further formats, to be stored, but for those that are written page by page."""


class StructureStage:
    """``StageWork`` of ``Stage.STRUCTURE``."""

    def __init__(
        self,
        *,
        store: Leases,
        objects: ObjectStore,
        pipeline: TextPipeline,
        workers: Executor,
        pdf: PdfSettings,
        keeping: DocumentKeeping | None = None,
    ) -> None:
        self._keeping = keeping
        self._store = store
        self._objects = objects
        self._pipeline = pipeline
        self._workers = workers
        self._pdfs = PdfAssembly(objects=objects, workers=workers, settings=pdf)

    async def work(self, lease: Lease, deadline: Deadline) -> Closing:
        """See ``StageWork``."""
        with tracing.span("fetch"):
            untrusted_readings = await self._load(lease, deadline)
        with tracing.span("structure"):
            structure = tracing.with_context(self._structure, untrusted_readings, lease, deadline)
            structured = await asyncio.get_running_loop().run_in_executor(self._workers, structure)
        keys = [written.key for written in structured.objects]
        with tracing.span("store"):
            if OutputFormat.PDF in lease.formats:
                keys.append(result_key(lease, FILE_EXTENSIONS[OutputFormat.PDF]))
                await self._pdfs.store(keys[-1], structured.result, structured.parts, deadline)
            for written in structured.objects:
                await insist(partial(self._put, written), deadline)
            # The JSON links to the others, so it comes last.
            days = 0.0 if self._keeping is None else await self._keeping.days(lease)
            result = await self._result(structured, lease, days, deadline)
            await insist(partial(self._put, result), deadline)
            keys.append(result.key)
        afterwards = None
        if self._keeping is not None and days:  # it may have been deleted since its row was written
            afterwards = partial(self._keeping.take_back_if_deleted, lease, deadline)
        return Closing(
            outcome="done",
            commit=partial(self._store.finish_document, lease.token, result_key=result.key),
            written_keys=tuple(keys),
            spent_keys=reading_objects(lease),
            afterwards=afterwards,
        )

    async def _result(self, structured: _Structured, lease: Lease, days: float, deadline: Deadline) -> _Object:
        """The JSON result as it is to be stored; where the tenant has retention, the document is kept first.

        Raises:
            NotFound: it was kept by an earlier attempt and has been deleted; nothing of it is left.
        """
        loop = asyncio.get_running_loop()
        links: dict[str, json_format.Json] = {"links": dict(structured.links)} if structured.links else {}
        body = await loop.run_in_executor(self._workers, to_json, structured.value | links)
        if len(body) > MAX_RESULT_BYTES:  # the job's results could not tell it
            raise DocumentTooLarge(f"the result is over the limit of {MAX_RESULT_BYTES} bytes (max_result_bytes)")
        if self._keeping is not None and days:
            until = await self._keeping.keep(lease, structured.value, days, deadline)
            if until is None:
                await self._keeping.take_back_if_deleted(lease, deadline)
                raise NotFound("the document was deleted while it was being read")
            news: dict[str, json_format.Json] = {"stored_until": until}
            # The links stay last: there ``ResultLines`` looks for them.
            body = await loop.run_in_executor(self._workers, to_json, structured.value | news | links)
        key = result_key(lease, FILE_EXTENSIONS[OutputFormat.JSON])
        return _Object(key=key, content_type=json_format.CONTENT_TYPE, body=body)

    async def _load(self, lease: Lease, deadline: Deadline) -> list[bytes]:
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await asyncio.gather(
                    *(self._objects.get(key, max_bytes=MAX_READING_BYTES) for key in lease.reading_keys)
                )
        except NotReady as error:
            raise NotBegun(error) from error
        except NotFound as error:
            raise InternalError("what was read of the document is no longer there") from error
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed before stage 'structure' began") from error

    async def _put(self, written: _Object) -> None:
        await self._objects.put(written.key, written.body, content_type=written.content_type)

    def _structure(self, untrusted_readings: Sequence[bytes], lease: Lease, deadline: Deadline) -> _Structured:
        deadline.check("structure")
        options = StructureOptions(schemas=lease.schemas)
        self._pipeline.schemas.check(lease.schemas)  # one may have gone since the job was taken
        try:
            readings = [decode_reading(untrusted) for untrusted in untrusted_readings]
            merged = merge_readings(readings)
            result = self._pipeline.structure(
                merged.reading,
                options=options,
                request_id=lease.job_id,
                deadline=deadline,
                charsets_by_page=merged.charsets_by_page,
            )
        except InvalidRequest as error:  # it was ours, not the caller's
            raise InternalError(f"what was read of the document is damaged: {error.detail}") from error
        # The document's own id, so that every attempt and every line names it alike.
        result = dataclasses.replace(result, id=lease.document_id)
        objects: list[_Object] = []
        links = {}
        for output_format in dict.fromkeys(lease.formats):
            if output_format is OutputFormat.JSON:
                continue
            key = result_key(lease, FILE_EXTENSIONS[output_format])
            if output_format is not OutputFormat.PDF:  # which is written page by page, beside its images
                rendered = formats.render(result, output_format)
                objects.append(_Object(key=key, content_type=rendered.content_type, body=rendered.body))
            links[output_format.value] = self._objects.uri(key)
        value = json_format.to_json_value(result)
        parts = [
            ReadPart(reading_key=reading_key, page_count=len(reading.pages))
            for reading_key, reading in zip(lease.reading_keys, readings, strict=True)
        ]
        return _Structured(result=result, parts=tuple(parts), value=value, links=links, objects=tuple(objects))
