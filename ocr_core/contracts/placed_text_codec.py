"""A ``PlacedDocument`` as bytes, and back.

MessagePack with a column of numbers for what a page holds many times, and a decoder that believes nothing, as
``reading_codec`` has them.
"""

from __future__ import annotations

import itertools
import re

import numpy as np

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.placed_text import DocumentTitle, PlacedDocument, PlacedLine, PlacedPage, UnreadPlace
from ocr_core.contracts.reading_codec import MAX_LINES_PER_PAGE, MAX_PAGE_SIDE_PX, MAX_PAGES, MAX_TIMESTEPS_PER_PAGE
from ocr_core.contracts.untrusted_map import MAX_TEXT_CHARACTERS, UntrustedMap, pack_map, unpack_map

SCHEMA_VERSION = 1
CONTENT_TYPE = "application/vnd.yomitori.placed-text+msgpack"

MAX_BYTES = 256 << 20
_MAX_CONTAINERS = 4 * MAX_PAGES
_COLUMN, _ROW_GOES_ON = 1, 2
"""Bits of a line's flags."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def encode_placed_text(document: PlacedDocument) -> bytes:
    """Write a placed document down."""
    title = document.title
    return pack_map(
        {
            "schema_version": SCHEMA_VERSION,
            "title": _clean(title.title)[:MAX_TEXT_CHARACTERS],
            "file_name": None if title.file_name is None else _clean(title.file_name)[:MAX_TEXT_CHARACTERS],
            "sha256": title.sha256,
            "language": title.language,
            "pages": [_encode_page(page) for page in document.pages],
        }
    )


def decode_placed_text(untrusted: bytes) -> PlacedDocument:
    """Read back what ``encode_placed_text`` wrote.

    Raises:
        InvalidRequest: the bytes are anything else; the detail names what was wrong.
    """
    if len(untrusted) > MAX_BYTES:
        raise InvalidRequest(f"placed text: over {MAX_BYTES} bytes")
    wire = unpack_map(untrusted, "placed text", max_array=MAX_PAGES, max_containers=_MAX_CONTAINERS)
    wire.integer("schema_version", SCHEMA_VERSION, SCHEMA_VERSION)
    pages = tuple(
        _decode_page(UntrustedMap(page, f"placed text.pages[{at}]"))
        for at, page in enumerate(wire.items("pages", MAX_PAGES))
    )
    if any(later.number <= earlier.number for earlier, later in itertools.pairwise(pages)):
        raise InvalidRequest("placed text: page numbers do not ascend")
    title = DocumentTitle(
        title=wire.text("title"),
        file_name=wire.optional_text("file_name"),
        sha256=wire.text("sha256", at_most=64),
        language=wire.optional_text("language"),
    )
    return PlacedDocument(title=title, pages=pages)


def _encode_page(page: PlacedPage | UnreadPlace) -> dict[str, object]:
    if isinstance(page, UnreadPlace):
        return {"number": page.number, "detail": _clean(page.detail)[:MAX_TEXT_CHARACTERS]}
    lines = page.lines
    flags = [_COLUMN * line.is_column + _ROW_GOES_ON * line.row_goes_on for line in lines]
    return {
        "number": page.number,
        "width_px": page.width_px,
        "height_px": page.height_px,
        "quads": np.array([line.quad for line in lines], "<f4").tobytes(),
        "lengths": np.array([len(line.text) for line in lines], "<u4").tobytes(),
        "extents": np.array([extent for line in lines for extent in line.extents], "<f4").tobytes(),
        "flags": bytes(flags),
        "text": _clean("".join(line.text for line in lines)),
    }


def _decode_page(page: UntrustedMap) -> PlacedPage | UnreadPlace:
    number = page.integer("number", 1, 1 << 31)
    if page.has("detail"):
        return UnreadPlace(number=number, detail=page.text("detail"))
    width_px = page.integer("width_px", 1, MAX_PAGE_SIDE_PX)
    height_px = page.integer("height_px", 1, MAX_PAGE_SIDE_PX)
    lengths = page.column("lengths", "<u4", 1, MAX_TIMESTEPS_PER_PAGE, at_most=MAX_LINES_PER_PAGE)
    count = int(lengths.sum(dtype=np.int64))
    text = page.text("text", at_most=MAX_TIMESTEPS_PER_PAGE)
    if count != len(text):
        raise InvalidRequest(f"{page.where}.text is not as long as its lines")
    quads = page.quads("quads", len(lengths), width_px, height_px)
    extents = page.column("extents", "<f4", 0.0, 1.0, exactly=2 * count).reshape(-1, 2).tolist()
    flags = page.column("flags", "u1", 0, _COLUMN | _ROW_GOES_ON, exactly=len(lengths)).tolist()
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    starts = [0, *ends[:-1]]
    return PlacedPage(
        number=number,
        width_px=width_px,
        height_px=height_px,
        lines=tuple(
            PlacedLine(
                text=text[start:end],
                quad=quad,
                extents=tuple((first, last) for first, last in extents[start:end]),
                is_column=bool(flag & _COLUMN),
                row_goes_on=bool(flag & _ROW_GOES_ON),
            )
            for start, end, quad, flag in zip(starts, ends, quads, flags, strict=False)
        ),
    )


def _clean(text: str) -> str:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
