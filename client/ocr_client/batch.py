"""Many documents over one client, some at a time, answered in the order in which they were named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ocr_client.documents import DocumentFile
from ocr_client.errors import OcrClientError
from ocr_client.parallel import map_in_order
from ocr_client.types import OcrResult

Answer = OcrResult | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one document: an answer or an error."""

    document: DocumentFile
    answer: Answer | None = None
    error: OcrClientError | OSError | None = None


def read_all(
    documents: Iterable[DocumentFile], read: Callable[[DocumentFile], Answer], *, jobs: int
) -> Iterator[Outcome]:
    """Read documents with ``jobs`` at a time; leaving the iteration early drops what has not begun."""

    def attempt(document: DocumentFile) -> Outcome:
        try:
            return Outcome(document=document, answer=read(document))
        except (OcrClientError, OSError) as error:
            return Outcome(document=document, error=error)

    return map_in_order(documents, attempt, workers=jobs)
