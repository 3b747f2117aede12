"""A job that comes as JSON: up to a hundred thousand documents, checked in pieces on a thread."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from async_worker.api.job_options import JobOptions, explain
from async_worker.job_sources import JobSources
from ocr_core.contracts.access import Caller
from ocr_core.contracts.errors import DocumentTooLarge, Forbidden, InvalidRequest
from ocr_core.contracts.jobs import MAX_REFERENCE_CHARACTERS, MAX_SOURCE_CHARACTERS, NewDocument
from preprocess_svc.sources import AllowList, S3Location
from preprocess_svc.uploads import clean_file_name

_PIECE_DOCUMENTS = 500
"""Checked without a pause; between pieces the event loop has its turn, as one call into pydantic keeps the GIL."""
_TOKENS_A_DOCUMENT = 10
"""Three names, three values, a brace, two commas between the members and one behind."""
_TOKENS_BESIDE = 1_000
"""Of the options, with room."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,]', re.DOTALL)
"""What begins a value or parts two. A text is one, whatever is in it, and so is the rest where a quote is missing."""


_USUAL_SOURCE = r"^s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9_ -][A-Za-z0-9._ -]{0,60}){1,8}$"
"""What nearly every address looks like; ``S3Location`` decides, and takes more."""


class JobDocument(BaseModel):
    """One document of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: str = Field(
        max_length=MAX_SOURCE_CHARACTERS,
        description="An object on your allow-list, or an upload of your own.",
        examples=["s3://bucket/key"],
        json_schema_extra={"pattern": _USUAL_SOURCE},
    )
    reference: str | None = Field(
        default=None, max_length=MAX_REFERENCE_CHARACTERS, description="Your own name for it; result lines carry it."
    )
    file_name: str | None = Field(
        default=None,
        max_length=MAX_REFERENCE_CHARACTERS,
        description="What the result is to call the document; the source's last segment where it is not given.",
    )


_DOCUMENTS = TypeAdapter(list[JobDocument])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedJob:
    """A job as a request described it, checked."""

    options: JobOptions
    documents: tuple[NewDocument, ...]
    digest: str
    """Of everything that makes two requests the same one."""


class JsonJobs:
    """Reads jobs out of JSON bodies."""

    def __init__(self, *, sources: JobSources, max_documents: int) -> None:
        self._sources = sources
        self._max_documents = max_documents

    def parse(self, untrusted_body: bytes, *, caller: Caller) -> ReceivedJob:
        """Check a whole body; takes about a second for a hundred thousand documents, so call it on a thread.

        Raises:
            InvalidRequest: something is off; the detail names what, and the first such document's index.
            Forbidden: a document's source is not this caller's to name; the detail names its index.
            DocumentTooLarge: more than ``max_documents``.
        """
        head, untrusted_documents = self._take_apart(untrusted_body)
        options = JobOptions.parse(head)
        # What is not given stays out, so that a repeat of a request is one too after a release that knows more options.
        digest = hashlib.sha256(options.model_dump_json(by_alias=True, exclude_defaults=True).encode())
        documents: list[NewDocument] = []
        may_name = _MayName(
            sources=self._sources, tenant=caller.tenant, allow_list=AllowList(caller.policy.source_prefixes)
        )
        for first in range(0, len(untrusted_documents), _PIECE_DOCUMENTS):
            piece = self._check(untrusted_documents[first : first + _PIECE_DOCUMENTS], first=first, may_name=may_name)
            digest.update(to_json([[one.source, one.reference, one.file_name] for one in piece]))
            documents += piece
        return ReceivedJob(options=options, documents=tuple(documents), digest=digest.hexdigest())

    def _take_apart(self, untrusted_body: bytes) -> tuple[dict[str, object], list[object]]:
        self._check_tokens(untrusted_body)
        try:
            body = from_json(untrusted_body, allow_inf_nan=False, cache_strings="keys")
        except ValueError as error:
            raise InvalidRequest(f"the body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise InvalidRequest('a JSON body is an object like {"documents": [{"source": "s3://bucket/key"}]}')
        documents = body.pop("documents", None)
        if not isinstance(documents, list) or not documents:
            raise InvalidRequest("documents: a list of at least one document is required")
        check_count(len(documents), self._max_documents)
        return body, documents

    def _check_tokens(self, untrusted_body: bytes) -> None:
        """Refuse a body whose values would fill the memory before they are counted: twenty million in 64 MB.

        Raises:
            DocumentTooLarge: it holds more than ``max_documents`` documents can.
        """
        most = _TOKENS_A_DOCUMENT * self._max_documents + _TOKENS_BESIDE
        texts = untrusted_body.count(b'"') // 2
        if texts + sum(map(untrusted_body.count, (b",", b"{", b"["))) <= most:
            return  # what stands inside texts is counted as well, so there are fewer
        for count, _ in enumerate(_TOKEN.finditer(untrusted_body), start=1):
            check_count(0 if count <= most else self._max_documents + 1, self._max_documents)

    def _check(self, untrusted_piece: list[object], *, first: int, may_name: _MayName) -> list[NewDocument]:
        try:
            checked = _DOCUMENTS.validate_python(untrusted_piece)
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            index, *rest = problem["loc"]
            if isinstance(index, int):
                # Those before it have the right shape; should their source be off, they are the first that offend.
                self._convert(_DOCUMENTS.validate_python(untrusted_piece[:index]), first=first, may_name=may_name)
                raise InvalidRequest(
                    explain(problem["type"], ("documents", first + index, *rest), problem["msg"])
                ) from None
            raise
        return self._convert(checked, first=first, may_name=may_name)

    @staticmethod
    def _convert(checked: Sequence[JobDocument], *, first: int, may_name: _MayName) -> list[NewDocument]:
        converted = []
        for index, document in enumerate(checked, start=first):
            try:
                location = may_name.check(document.source)
                converted.append(
                    NewDocument(
                        source=document.source,
                        reference=document.reference,
                        file_name=clean_file_name(document.file_name or location.file_name),
                    )
                )
            except (InvalidRequest, Forbidden) as error:
                raise type(error)(f"documents[{index}]: {error.detail}") from None
        return converted


@dataclass(frozen=True, slots=True, kw_only=True)
class _MayName:
    """What one caller's documents may be."""

    sources: JobSources
    tenant: str
    allow_list: AllowList

    def check(self, untrusted_source: str) -> S3Location:
        return self.sources.check(self.tenant, untrusted_source, allow_list=self.allow_list)


def check_count(count: int, max_documents: int) -> None:
    """Refuse a job with too many documents.

    Raises:
        DocumentTooLarge: naming the limit.
    """
    if count > max_documents:
        raise DocumentTooLarge(f"the job has more than {max_documents} documents (max_documents)")
