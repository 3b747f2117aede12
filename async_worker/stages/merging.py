"""The readings of a document's page ranges, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from async_worker.stages.read_stage import SOURCE_CHANGED
from ocr_core.contracts.errors import UnreadableDocument
from ocr_core.contracts.page import PageError
from ocr_core.contracts.reading import PageReading, Reading, StageTiming


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergedReading:
    """One document again."""

    reading: Reading
    charsets_by_page: dict[int, str]
    """The digest of the charset that each page's class ids refer to: the models may have been replaced between two
    ranges."""


def merge_readings(parts: Sequence[Reading]) -> MergedReading:
    """Put readings of different pages of one document together; at least one.

    Raises:
        UnreadableDocument: they are not of the same bytes, or none of the pages could be read.
    """
    first = parts[0]
    if any((part.document.sha256, part.document.page_count) != _identity(first) for part in parts):
        raise UnreadableDocument(SOURCE_CHANGED)
    pages = sorted((page for part in parts for page in part.pages), key=lambda page: page.number)
    if not any(isinstance(page, PageReading) for page in pages):
        detail = next((page.detail for page in pages if isinstance(page, PageError)), "the document has no pages")
        raise UnreadableDocument(detail if detail.startswith(_NONE_READ) else f"{_NONE_READ}: {detail}")
    reading = dataclasses.replace(
        first,
        pages=tuple(pages),
        model_versions=_versions(parts),
        # What is said of the document as a whole, every range says.
        warnings=tuple(dict.fromkeys(notice for part in parts for notice in part.warnings)),
        timing=_sum(parts),
    )
    return MergedReading(
        reading=reading,
        charsets_by_page={page.number: part.charset_sha256 for part in parts for page in part.pages},
    )


_NONE_READ = "no page could be read"


def _identity(part: Reading) -> tuple[str, int]:
    return part.document.sha256, part.document.page_count


def _versions(parts: Sequence[Reading]) -> dict[str, str]:
    """By model; where ranges were read by different versions, all of them, in the order of the pages."""
    versions: dict[str, dict[str, None]] = {}
    for part in parts:
        for model, version in part.model_versions.items():
            versions.setdefault(model, {})[version] = None
    return {model: ",".join(found) for model, found in versions.items()}


def _sum(parts: Sequence[Reading]) -> StageTiming:
    """What all ranges took together, wherever they were read."""
    timings = [part.timing for part in parts]
    return StageTiming(
        open_ms=sum(timing.open_ms for timing in timings),
        detect_ms=sum(timing.detect_ms for timing in timings),
        recognise_ms=sum(timing.recognise_ms for timing in timings),
        elapsed_ms=sum(timing.elapsed_ms for timing in timings),
    )
