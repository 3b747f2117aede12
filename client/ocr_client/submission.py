"""What a job is made of, and by which of two ways local files reach the server.

::

    few and small local files            one multipart POST /v1/jobs: the files and the job are one request
    more, larger, or with references     POST /v1/uploads, a PUT each straight into object storage, then a JSON job
    objects in storage (``s3://``)       a JSON job, beside uploads or alone
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypedDict
from urllib.parse import urlsplit

from ocr_client.documents import readable_name
from ocr_client.job_types import Priority
from ocr_client.multipart import Form, FormFile

# What goes by one form: some seconds, also on a slow line, so that little is sent again after a failure.
FORM_MAX_FILES = 50
FORM_MAX_BYTES = 32_000_000
# Under a caller's own key a form may be larger, up to half of what a server takes: two forms are compared by their
# parts, while uploads lie under a new address each time, and so make another request of the same files.
KEYED_FORM_MAX_FILES = 10_000
KEYED_FORM_MAX_BYTES = 1_000_000_000
MAX_FILE_NAME_CHARACTERS = 255

Source = str | Path


class JobOptions(TypedDict, total=False):
    """What may be asked for beside the documents, under the API's own names; what is left out is its default."""

    schema: str | None
    """``auto``, ``invoice``, ``receipt``, ``none``, or several with commas."""
    formats: Sequence[str] | None
    """Further formats beside the JSON result, each a link in it: ``text``, ``markdown``, ``hocr``, ``alto``,
    ``pdf``."""
    webhook_url: str | None
    """Told when the job has ended."""
    priority: Priority | None
    """``low`` goes after one's own ``normal`` jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDocument:
    """One document of a job.

    ``source`` is a path, or the address of an object as ``s3://bucket/key``.
    """

    source: Source
    reference: str | None = None
    """Result lines carry it back. Where nothing is said it is a local file's name, or the object's address."""

    @property
    def address(self) -> str | None:
        """The object's address; null for a local file."""
        return self.source if isinstance(self.source, str) and self.source.startswith("s3://") else None

    @property
    def path(self) -> Path:
        """The local file."""
        return Path(self.source)

    @property
    def file_name(self) -> str:
        """What the result is to call it: the last segment, as the server keeps it."""
        address = self.address
        if address is not None:
            return PurePosixPath(urlsplit(address).path).name or address
        return readable_name(self.path.name)[:MAX_FILE_NAME_CHARACTERS]


def as_documents(documents: Iterable[Source | JobDocument]) -> list[JobDocument]:
    """All as values.

    Raises:
        ValueError: There are none.
    """
    listed = [entry if isinstance(entry, JobDocument) else JobDocument(source=entry) for entry in documents]
    if not listed:
        raise ValueError("a job has at least one document")
    return listed


def as_form(documents: Sequence[JobDocument], options: JobOptions, *, keyed: bool) -> Form | None:
    """The job as one form; null where it is better sent as uploads, or can be sent in no other way.

    Args:
        documents: What it is made of.
        options: See ``JobOptions``.
        keyed: The caller has an idempotency key of its own.

    Raises:
        OSError: A file is not there.
    """
    max_files, max_bytes = (KEYED_FORM_MAX_FILES, KEYED_FORM_MAX_BYTES) if keyed else (FORM_MAX_FILES, FORM_MAX_BYTES)
    if len(documents) > max_files or any(_needs_json(document) for document in documents):
        return None
    files = [
        FormFile(content=document.path, file_name=document.file_name, size_bytes=document.path.stat().st_size)
        for document in documents
    ]
    sizes_bytes = [file.size_bytes for file in files]
    # A form with an empty file is refused, all of it; as an upload it is one document that cannot be read.
    if sum(sizes_bytes) > max_bytes or min(sizes_bytes) == 0:
        return None
    fields = {
        name: value if isinstance(value, str) else ",".join(value) for name, value in _given_options(options).items()
    }
    return Form(fields=fields, file_part="file", files=files)


def as_json(documents: Sequence[JobDocument], sources: Sequence[str], options: JobOptions) -> bytes:
    """The job as JSON.

    Args:
        documents: What it is made of.
        sources: Where each lies in object storage, by now.
        options: See ``JobOptions``.
    """
    entries = [
        {
            "source": source,
            "reference": document.reference or document.address or document.file_name,
            "file_name": document.file_name,
        }
        for document, source in zip(documents, sources, strict=True)
    ]
    return json.dumps({"documents": entries, **_given_options(options)}, ensure_ascii=False).encode()


def _needs_json(document: JobDocument) -> bool:
    """A form has no place for references: there the file's name is the reference."""
    return document.address is not None or document.reference not in {None, document.file_name}


def _given_options(options: JobOptions) -> dict[str, str | Sequence[str]]:
    return {name: value for name, value in options.items() if value is not None}  # type: ignore[misc]
