"""A TrueType font of invisible glyphs: each has a width and a height, and no area.

A glyph is a stroke from the lower left to the upper right corner of its box and back. It marks nothing even where a
program paints it, and it spans a box: a reader that asks for a character's box, as PDFium does, gets none of a glyph
without an outline, and then marks nothing when the text is selected.

The tables are those that PDF asks of an embedded CIDFontType2 (ISO 32000-1, 9.9, table 126) and no more. Their layout:
https://learn.microsoft.com/typography/opentype/spec/otff
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

UNITS_PER_EM = 1_000
DESCENT, ASCENT = -160, 840
"""Of every glyph: as print stands on its baseline."""
MAX_GLYPHS = 0xFFFF
MAX_WIDTH = 0x7FFF

_VERSION_1 = 0x0001_0000
_HEAD_MAGIC = 0x5F0F_3CF5
_CHECKSUM_OF_ALL = 0xB1B0_AFBA
_HEAD_ADJUSTMENT_AT = 8
_LOWEST_READABLE_PPEM = 1
_LEFT_TO_RIGHT = 2
_UPRIGHT = 1
"""The caret's rise, over a run of 0."""
_ON_CURVE = 1


def invisible_glyphs(widths: Sequence[int]) -> bytes:
    """The font.

    Args:
        widths: Each glyph's in thousandths of an em, that of glyph 0 (``.notdef``) first; at most ``MAX_WIDTH``.
    """
    count, widest = len(widths), max(widths)
    outlines = [_stroke(width) for width in widths]
    offsets = [0]
    for outline in outlines:
        offsets.append(offsets[-1] + len(outline))
    head = struct.pack(
        ">LLLLHHqqhhhhHHhhh",
        *(_VERSION_1, _VERSION_1, 0, _HEAD_MAGIC, 0, UNITS_PER_EM, 0, 0),
        *(0, DESCENT, widest, ASCENT),
        *(0, _LOWEST_READABLE_PPEM, _LEFT_TO_RIGHT, 1, 0),
    )
    hhea = struct.pack(">LhhhH11hH", _VERSION_1, ASCENT, DESCENT, 0, widest, 0, 0, widest, _UPRIGHT, *(0,) * 7, count)
    return _file(
        {
            b"glyf": b"".join(outlines),
            b"head": head,
            b"hhea": hhea,
            b"hmtx": b"".join(struct.pack(">Hh", width, 0) for width in widths),
            b"loca": struct.pack(f">{count + 1}L", *offsets),
            # Two points in one contour; one zone, no instructions.
            b"maxp": struct.pack(">LH13H", _VERSION_1, count, 2, 1, 0, 0, 1, *(0,) * 8),
        }
    )


def _stroke(width: int) -> bytes:
    """One contour of two points."""
    box = (0, DESCENT, width, ASCENT)
    flags = bytes([_ON_CURVE, _ON_CURVE])
    steps = (0, width, DESCENT, UNITS_PER_EM)  # from point to point: first all to the right, then all upwards
    return struct.pack(">h4hHH", 1, *box, 1, 0) + flags + struct.pack(">4h", *steps)


def _file(tables: dict[bytes, bytes]) -> bytes:
    """The tables behind their directory, which is sorted by name."""
    count = len(tables)
    power = count.bit_length() - 1
    directory = struct.pack(">LHHHH", _VERSION_1, count, 16 << power, power, 16 * count - (16 << power))
    at = len(directory) + 16 * count
    body = bytearray()
    head_at = 0
    for name, table in sorted(tables.items()):
        if name == b"head":
            head_at = at + len(body)
        directory += struct.pack(">4sLLL", name, _checksum(table), at + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    font = bytearray(directory + body)
    adjustment = (_CHECKSUM_OF_ALL - _checksum(bytes(font))) & 0xFFFF_FFFF
    struct.pack_into(">L", font, head_at + _HEAD_ADJUSTMENT_AT, adjustment)
    return bytes(font)


def _checksum(table: bytes) -> int:
    padded = table + bytes(-len(table) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}L", padded)
    return sum(words) & 0xFFFF_FFFF
