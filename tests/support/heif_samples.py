"""HEIF files put together on the spot around one coded picture: turned, mirrored, cropped, tiled.

Nothing in this environment can code HEVC (the encoders are GPL); the boxes around the code can be written by hand
(ISO/IEC 14496-12 and 23008-12).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.open_samples import CORNERS_HEIC

TEN_BIT_HEIC = base64.b64decode(
    "AAAAGGZ0eXBoZWljAAAAAG1pZjFoZWljAAABrG1ldGEAAAAAAAAAIWhkbHIAAAAAAAAAAHBpY3QAAAAAAAAAAAAAAAAAAAAADnBpdG0AAAAAAAIA"
    "AAAQaWRhdAAAAAAAUAAoAAAAOGlsb2MBAAAAREAAAgABAAAAAAAAAcwAAQAAAAAAAABgAAIAAQAAAAAAAAABAAAAAAAAAAgAAAA4aWluZgAAAAAA"
    "AgAAABVpbmZlAgAAAQABAABodmMxAAAAABVpbmZlAgAAAAACAABncmlkAAAAANdpcHJwAAAAtWlwY28AAAB1aHZjQwEECAAAAAAAAAAAAB7wAPz9"
    "+voAAA8DIAABABdAAQwB//8ECAAAAwCduAAAAwAAHroCQCEAAQAqQgEBBAgAAAMAnbgAAAMAAB6gKIEE2W6uSmubgQEDAgAAAwACAAADAAIQIgAB"
    "AAZEAcFzwYkAAAAUaXNwZQAAAAAAAABQAAAAQAAAABRpc3BlAAAAAAAAAFAAAAAoAAAAEHBpeGkAAAAAAwoKCgAAABppcG1hAAAAAAAAAAIAAQKB"
    "AgACAgOEAAAAGmlyZWYAAAAAAAAADmRpbWcAAgABAAEAAABobWRhdAAAAFwoAa8ZR5FuqnSdp/+V6v6d6XAQQp51v6mTCqud0xi5EDROhHqKFUCN"
    "artQ0f7Se4jd2k2kEsX8rE4f/g26y6FLLCUJXspRGLuwGTWS7kR77As/A79u02ChpHQRQA=="
)
"""``corners`` in 10 bits, as newer telephones write it."""

HALF_TRANSPARENT_HEIC = base64.b64decode(
    "AAAAGGZ0eXBoZWljAAAAAG1pZjFoZWljAAAC/G1ldGEAAAAAAAAAIWhkbHIAAAAAAAAAAHBpY3QAAAAAAAAAAAAAAAAAAAAADnBpdG0AAAAAAAIA"
    "AAAYaWRhdAAAAAAAUAAoAAAAAABQACgAAABgaWxvYwEAAABEQAAEAAEAAAAAAAADHAABAAAAAAAAAF0AAgABAAAAAAAAAAEAAAAAAAAACAADAAAA"
    "AAAAA3kAAQAAAAAAAAASAAQAAQAAAAAAAAABAAAACAAAAAgAAABiaWluZgAAAAAABAAAABVpbmZlAgAAAQABAABodmMxAAAAABVpbmZlAgAAAAAC"
    "AABncmlkAAAAABVpbmZlAgAAAQADAABodmMxAAAAABVpbmZlAgAAAAAEAABncmlkAAAAAbFpcHJwAAABhGlwY28AAAB2aHZjQwEDcAAAAAAAAAAA"
    "AB7wAPz9+PgAAA8DIAABABhAAQwB//8DcAAAAwCQAAADAAADAB66AkAhAAEAKkIBAQNwAAADAJAAAAMAAAMAHqAogQWW6uSmubgQEDAgAAADACAA"
    "AAMAISIAAQAGRAHBc8GJAAAAFGlzcGUAAAAAAAAAUAAAAEAAAAAUaXNwZQAAAAAAAABQAAAAKAAAABBwaXhpAAAAAAMICAgAAABxaHZjQwEECAAA"
    "AAAAAAAAAB7wAPz8+PgAAA8DIAABABdAAQwB//8ECAAAAwCf+AAAAwAAHroCQCEAAQAmQgEBBAgAAAMAn/gAAAMAAB7AogQWW6uSmubAgAAAAwCA"
    "AAADAIQiAAEABkQBwXPBiQAAABRpc3BlAAAAAAAAAFAAAABAAAAAFGlzcGUAAAAAAAAAUAAAACgAAAAOcGl4aQAAAAABCAAAACdhdXhDAAAAAHVy"
    "bjptcGVnOmhldmM6MjAxNTphdXhpZDoxAAAAACVpcG1hAAAAAAAAAAQAAQKBAgACAgOEAAMChQYABAMHiIkAAAA2aXJlZgAAAAAAAAAOZGltZwAC"
    "AAEAAQAAAA5kaW1nAAQAAQADAAAADmF1eGwABAABAAIAAAB3bWRhdAAAAFkoAa8LUePA+tKBv+uVeRyCe4UmoFNyrncEEKy+wluviosp56MASftQ"
    "aZVMKbRaEpo+2xHuYiGwm44nxXuyEiUjQ+OwAdKgcmNKZn2BzPOg72i4kFbKzrbE4AAAAA4oAa4WpuDVYkLargTNMA=="
)
"""``corners`` under an alpha of 128."""

TEN_BIT_AVIF = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxpYmF2aWYA"
    "AAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAADcAAAAoaWluZgAAAAAAAQAAABppbmZlAgAAAAABAABhdjAxQ29sb3IA"
    "AAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAAFAAAAAoAAAAEHBpeGkAAAAAAwoKCgAAAAxhdjFDgSBAAAAAABNjb2xybmNseAABAA0ABoAA"
    "AAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAD9tZGF0EgAKCTgZZ8/OAhoNIDIoReAAABAQ/GQoUqiUkd9PL9FrXhb8XsdfpHXO59S1HKe6dEujq2b8"
    "ZA=="
)
"""``corners`` in 10 bits."""

TURN_LEFT = struct.pack(">I4sB", 9, b"irot", 1)
"""By 90 degrees."""
MIRROR = struct.pack(">I4sB", 9, b"imir", 1)
"""Left and right change places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A coded picture: its type of item, its configuration box, its size, its data."""

    kind: bytes
    configuration: bytes
    width_px: int
    height_px: int
    data: bytes


def coded_corners() -> Coded:
    """``CORNERS_HEIC`` without its crop: 80 x 64, of which the upper 40 rows are ``corners``."""
    at = CORNERS_HEIC.index(b"hvcC") - 4
    length = int.from_bytes(CORNERS_HEIC[at : at + 4], "big")
    data = CORNERS_HEIC[CORNERS_HEIC.index(b"mdat") + 4 :]
    return Coded(kind=b"hvc1", configuration=CORNERS_HEIC[at : at + length], width_px=80, height_px=64, data=data)


def crop(width_px: int, height_px: int, *, right_px: float, down_px: float) -> bytes:
    """The ``clap`` property: this much remains, its centre that far from the picture's."""
    numbers = (width_px, 1, height_px, 1, int(right_px * 2), 2, int(down_px * 2), 2)
    return _box(b"clap", struct.pack(">IIIIiIiI", *numbers))


def profile(icc: bytes) -> bytes:
    """The ``colr`` property with an ICC profile."""
    return _box(b"colr", b"prof" + icc)


def one_picture(coded: Coded, properties: Sequence[bytes] = ()) -> bytes:
    """One picture with these properties."""
    return _heif(
        items=[(coded.kind, coded.data)],
        properties=[[coded.configuration, _size(coded.width_px, coded.height_px), *properties]],
    )


def grid(coded: Coded, *, rows: int, columns: int, width_px: int, height_px: int) -> bytes:
    """The same picture in every cell, as telephones store theirs; what is over on the right and below is cut off."""
    cells = rows * columns
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width_px, height_px)
    cell_properties = [coded.configuration, _size(coded.width_px, coded.height_px)]
    return _heif(
        items=[(b"grid", layout), *[(coded.kind, coded.data)] * cells],
        properties=[[_size(width_px, height_px)], *[cell_properties] * cells],
        cells=list(range(2, cells + 2)),
    )


def _heif(
    *, items: Sequence[tuple[bytes, bytes]], properties: Sequence[Sequence[bytes]], cells: Sequence[int] = ()
) -> bytes:
    """Items are numbered from 1; the first is the picture shown."""
    distinct = list(dict.fromkeys(each for of_item in properties for each in of_item))
    associations = b"".join(
        struct.pack(">HB", number, len(of_item)) + bytes(distinct.index(each) + 1 for each in of_item)
        for number, of_item in enumerate(properties, start=1)
    )
    references = b""
    if cells:
        numbers = struct.pack(f">HH{len(cells)}H", 1, len(cells), *cells)
        references = _box(b"iref", bytes(4) + _box(b"dimg", numbers))
    entries = b"".join(
        _box(b"infe", struct.pack(">IHH4sB", 2 << 24, number, 0, kind, 0)) for number, (kind, _) in enumerate(items, 1)
    )
    property_list = _box(b"ipco", b"".join(distinct))
    property_use = _box(b"ipma", bytes(4) + struct.pack(">I", len(items)) + associations)
    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    first = [
        _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
        _box(b"pitm", bytes(4) + struct.pack(">H", 1)),
        _box(b"iinf", bytes(4) + struct.pack(">H", len(items)) + entries),
        references,
        _box(b"iprp", property_list + property_use),
    ]
    # The places depend on how long the box is that holds them, whose length does not depend on the places.
    meta = _meta(first, items, data_at=0)
    return head + _meta(first, items, data_at=len(head) + len(meta) + 8) + _box(b"mdat", b"".join(d for _, d in items))


def _meta(first: Sequence[bytes], items: Sequence[tuple[bytes, bytes]], *, data_at: int) -> bytes:
    places = b""
    for number, (_, data) in enumerate(items, start=1):
        places += struct.pack(">HHHII", number, 0, 1, data_at, len(data))
        data_at += len(data)
    locations = _box(b"iloc", bytes(4) + bytes([0x44, 0x00]) + struct.pack(">H", len(items)) + places)
    return _box(b"meta", bytes(4) + b"".join(first) + locations)


def _size(width_px: int, height_px: int) -> bytes:
    return _box(b"ispe", bytes(4) + struct.pack(">II", width_px, height_px))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body
