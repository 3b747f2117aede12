"""A document as it comes in: what it is, which pages are wanted, and what an opening may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ocr_core.contracts.errors import InvalidRequest


class MediaType(StrEnum):
    """The kinds of document that are read here, decided from the bytes."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    GIF = "image/gif"
    BMP = "image/bmp"
    HEIC = "image/heic"
    AVIF = "image/avif"


class TextLayerUse(StrEnum):
    """What to do with a PDF's own text."""

    IGNORE = "ignore"
    PREFER = "prefer"


class Priority(StrEnum):
    """Which road a document travels; Triton serves sync first."""

    SYNC = "sync"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInfo:
    """What the result says of the document as a whole."""

    file_name: str | None
    media_type: MediaType
    page_count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLimits:
    """What opening one document may cost. Every error names the limit that it enforced."""

    max_body_bytes: int = 20_000_000
    max_pages: int = 30
    # A raster image above this is refused; a PDF page box that would exceed its limit is rendered smaller.
    max_image_pixels: int = 50_000_000
    max_rendered_page_pixels: int = 25_000_000
    max_document_pixels: int = 400_000_000
    max_memory_bytes: int = 1 << 30
    max_cpu_s: float = 20.0
    # Time in which a service waits for the opening; what the opening waits for the service does not count.
    max_wall_s: float = 60.0
    render_dpi: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSelection:
    """Which pages are wanted, 1-based; ``ranges`` empty means all."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, untrusted_text: str | None) -> PageSelection:
        """Read ``1-3,7``; ``all``, and no text at all, mean every page.

        Raises:
            InvalidRequest: the text is not such a list, blank for example, or a range runs backwards.
        """
        if untrusted_text is None or untrusted_text.strip() == "all":
            return cls()
        ranges: list[tuple[int, int]] = []
        for part in untrusted_text.split(","):
            match = re.fullmatch(r"\s*([0-9]{1,6})(?:\s*-\s*([0-9]{1,6}))?\s*", part)
            if match is None:
                raise InvalidRequest("parameter 'pages' is a list like 1-3,7")
            first = int(match[1])
            last = int(match[2]) if match[2] else first
            if first < 1 or last < first:
                raise InvalidRequest("parameter 'pages': pages start at 1 and ranges run upwards")
            ranges.append((first, last))
        return cls(ranges=tuple(ranges))

    def merged(self) -> tuple[tuple[int, int], ...]:
        """The same pages as ascending ranges that neither overlap nor touch; empty still means all."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(self.ranges):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return tuple(merged)

    def count(self, page_count: int) -> int:
        """How many pages ``numbers`` would list, without listing them: both numbers may be a stranger's.

        Raises:
            InvalidRequest: a wanted page lies beyond the last.
        """
        if not self.ranges:
            return page_count
        merged = self.merged()
        if merged[-1][1] > page_count:
            raise InvalidRequest(f"parameter 'pages' asks for page {merged[-1][1]}; the document has {page_count}")
        return sum(last - first + 1 for first, last in merged)

    def numbers(self, page_count: int) -> list[int]:
        """The wanted page numbers of a document with ``page_count`` pages, ascending, each once.

        Check ``count`` against a limit first: this list is as long as the caller and the document say.

        Raises:
            InvalidRequest: a wanted page lies beyond the last.
        """
        if not self.count(page_count):
            return []
        ranges = self.merged() or ((1, page_count),)
        return [number for first, last in ranges for number in range(first, last + 1)]
