"""Text and its place, character by character: what the text side hands back for a searchable PDF.

The pixel side writes it, invisible, over the page images that it kept. Coordinates are those of
``contracts/geometry.py``, in pixels of the upright page.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr_core.contracts.geometry import Quad


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLine:
    """One line and where its characters stand."""

    text: str
    quad: Quad
    extents: tuple[tuple[float, float], ...]
    """Where each character begins and ends, as fractions of the quad's reading edge; ascending, one a code point."""
    is_column: bool = False
    """Its characters stand upright one below the other."""
    row_goes_on: bool = False
    """The next line is the next cell of the same visual row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPage:
    """A page that was read; its lines in reading order."""

    number: int
    width_px: int
    height_px: int
    lines: tuple[PlacedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPlace:
    """A page that could not be read, in its place."""

    number: int
    detail: str
    """Why, in words for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTitle:
    """What a document says of itself as a whole."""

    title: str
    file_name: str | None
    sha256: str
    """Of the file that was read."""
    language: str | None
    """As a language tag; none where the characters do not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedDocument:
    """A document's text, placed."""

    title: DocumentTitle
    pages: tuple[PlacedPage | UnreadPlace, ...]
    """In page order: those that were selected."""
