"""What the pipelines ask of the outside, as protocols; the adapters answer.

A pipeline never learns whether the models sit on a GPU or how a file was opened, so that tests can run it over a
fake of the same shape; each fake runs the suite of the real adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection, Priority
from ocr_core.contracts.page import Notice, PageError, PageImage
from ocr_core.contracts.reading import Reading
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, SchemaName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OpenedDocument(Protocol):
    """A document inside the sandbox that hands its pages out one by one."""

    media_type: MediaType
    page_count: int
    warnings: tuple[Notice, ...]

    def pages(self) -> AsyncIterator[PageImage | PageError]:
        """The selected pages in order. A page's pixels stay valid until the document is closed."""
        ...


class FileOpener(Protocol):
    """Opens untrusted bytes away from this process."""

    def open(
        self,
        untrusted_bytes: bytes,
        *,
        selection: PageSelection,
        limits: OpenLimits,
        deadline: Deadline,
        text_layer: bool,
    ) -> AbstractAsyncContextManager[OpenedDocument]:
        """Start opening; leaving the context ends the work, however far it is.

        Raises:
            UnsupportedMediaType, DocumentTooLarge, UnreadableDocument, PasswordRequired, InvalidRequest,
            DeadlineExceeded, Overloaded: on entering the context, or while iterating over the pages.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recognition:
    """The recogniser's answer to a batch of N crops: (N, T) class ids and (N, T) float32 probabilities."""

    class_ids: NDArray[np.int32]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsInUse:
    """Which models answer."""

    versions: dict[str, str]
    """By model name; one in INT8 says so: ``1-int8``."""
    charset_sha256: str
    """Of the charset that the recogniser's class ids refer to."""
    sha256: str
    """Of all that is known of them: versions, and everything that their configurations say."""


class TextModels(Protocol):
    """The two models, wherever they run."""

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        """Text probability of one image.

        Args:
            image: (H, W, 3) uint8 RGB, (H, W) one of ``tensors.DETECTION_SHAPES``.
            priority: Sync goes before bulk.
            deadline: Passed on to the server; what it overtakes is cancelled.

        Returns:
            (H, W) uint8, probability times 255.

        Raises:
            Overloaded, NotReady, DeadlineExceeded.
        """
        ...

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        """Top-1 characters of a batch of crops of one width class.

        Args:
            crops: (N, 48, W, 3) uint8 RGB, N at most ``TEXT_RECOGNITION.max_batch_size``.
            priority: Sync goes before bulk.
            deadline: As for ``detect``.

        Raises:
            Overloaded, NotReady, DeadlineExceeded.
        """
        ...

    async def in_use(self) -> ModelsInUse:
        """Which models answer now: it may be others later.

        Raises:
            NotReady.
        """
        ...

    async def charset_sha256(self) -> str:
        """Digest of the charset that the recogniser's class ids refer to, as of now: it may be another one later."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureOptions:
    """What the caller wants of the text side."""

    schemas: tuple[SchemaName, ...] = (AUTO,)
    min_confidence: float = 0.5
    output_format: OutputFormat = OutputFormat.JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedResult:
    """A result written down in the wanted format."""

    content_type: str
    body: bytes
    warning_codes: tuple[str, ...] = ()
    """Of what was done differently from asked, and of pages that could not be read: not every format has a place for
    them."""
    file_name: str | None = None
    """Under which a caller should save it; none where it is shown rather than saved."""
    made_with_sha256: str | None = None
    """``Structurer.identity`` of whoever wrote it; null where that changed meanwhile, or is not known."""
    age_s: int | None = None
    """How long ago it was made; null: for this very request."""
    stored_id: str | None = None
    """The stored document's, where it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaField:
    """A field of a schema, as callers are told of it."""

    type: str
    source: str
    """The field family's own name for it."""
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSummary:
    """A schema, as callers are told of it."""

    name: SchemaName
    title: str
    description: str
    document_type: str | None
    """What a document is read as; null is what it is taken for."""
    fields: dict[str, SchemaField]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaList:
    """The schemas that there are, beside ``auto`` and ``none``."""

    schemas: tuple[SchemaSummary, ...]


class Structurer(Protocol):
    """The text side: a ``Reading`` in, a result out."""

    async def schemas(self, *, deadline: Deadline) -> SchemaList:
        """The schemas that there are.

        Raises:
            NotReady, DeadlineExceeded, InternalError.
        """
        ...

    async def check_schemas(self, names: tuple[SchemaName, ...], *, deadline: Deadline) -> None:
        """Return if there are schemas of these names. Asks the text side only for names that it does not know.

        Raises:
            InvalidRequest: naming those that there are not.
            NotReady, DeadlineExceeded, InternalError.
        """
        ...

    async def identity(self, *, deadline: Deadline) -> str:
        """A digest of all that results are made with there (code, schemas, charsets, table of partners), as of now.

        Raises:
            NotReady, DeadlineExceeded, InternalError.
        """
        ...

    async def structure(
        self, reading: Reading, *, options: StructureOptions, request_id: str, deadline: Deadline
    ) -> RenderedResult:
        """Decode lines, order them, extract fields, write the result down.

        Raises:
            InvalidRequest: a schema that ``check_schemas`` knew has gone since.
            NotReady, DeadlineExceeded, InternalError.
        """
        ...
