"""TIFF files written by hand, for what Pillow does not write (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHORT, LONG, RATIONAL = 3, 4, 5
RAW, OLD_JPEG, JPEG, OLD_DEFLATE = 1, 6, 7, 32946
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, LAB = 0, 1, 2, 3, 4, 5, 6, 8

_FORMATS = {SHORT: "H", LONG: "I"}
_STRIPS = (273, 279)
_TILES = (324, 325)


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffPage:
    """One directory: its picture in strips, or in tiles where ``tile_px`` is given."""

    width_px: int
    height_px: int
    bits: tuple[int, ...]
    photometric: int
    data: Sequence[bytes]
    compression: int = RAW
    tile_px: int | None = None
    more: Mapping[int, tuple[int, Sequence[int]]] = field(default_factory=dict)
    """Further tags: type and values; a rational is two of them."""


def tiff(*pages: TiffPage, order: str = "<") -> bytes:
    """A classic TIFF of these pages; ``order`` as ``struct`` has it."""
    written = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    pointer_at = 4
    for page in pages:
        places = [_append(written, data) for data in page.data]
        directory = _directory(written, page, places, order)
        struct.pack_into(order + "I", written, pointer_at, _append(written, directory))
        pointer_at = len(written) - 4
    return bytes(written)


def _directory(written: bytearray, page: TiffPage, places: Sequence[int], order: str) -> bytes:
    """Its bytes; values that do not fit into an entry are written before it."""
    offsets, counts = _TILES if page.tile_px else _STRIPS
    tags: dict[int, tuple[int, Sequence[int]]] = {
        256: (LONG, [page.width_px]),
        257: (LONG, [page.height_px]),
        258: (SHORT, page.bits),
        259: (SHORT, [page.compression]),
        262: (SHORT, [page.photometric]),
        offsets: (LONG, places),
        277: (SHORT, [len(page.bits)]),
        counts: (LONG, [len(data) for data in page.data]),
    }
    if page.tile_px:
        tags |= {322: (LONG, [page.tile_px]), 323: (LONG, [page.tile_px])}
    else:
        planes = 2 if page.more.get(284) == (SHORT, [2]) else 0
        strips = len(places) // (len(page.bits) if planes else 1)
        tags[278] = (LONG, [-(-page.height_px // strips)])
    tags |= page.more
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        number_format = _FORMATS.get(kind, "I")
        value = struct.pack(f"{order}{len(values)}{number_format}", *values)
        if len(value) > 4:
            value = struct.pack(order + "I", _append(written, value))
        count = len(values) // 2 if kind == RATIONAL else len(values)
        entries += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return struct.pack(order + "H", len(tags)) + entries + bytes(4)


def _append(written: bytearray, data: bytes) -> int:
    """Where it now lies; offsets are even."""
    written += bytes(len(written) % 2)
    written += data
    return len(written) - len(data)
