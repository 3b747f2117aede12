"""Changes that know a format: they keep checksums, lengths and offsets right where they reach behind these."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random

from ocr_core.contracts.document import MediaType
from tests.support.fuzz_bytes import ANY, EDGES, IN_PLACE, Change, edge_bytes, put_edge
from tests.support.fuzz_pdf import PDF_CHANGES, PDF_WORDS

Part = tuple[bytes, bytes]
"""A piece of a file: its name, and what is in it."""

_PNG_NAMES = b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs zTXt iTXt tEXt eXIf acTL fcTL fdAT".split()
_JPEG_NAMES = [
    bytes([0xFF, marker])
    for marker in (*range(0xC0, 0xD0), 0xD0, 0xD7, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)
]
_RIFF_NAMES = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "]
_BOX_NAMES = (
    b"ftyp meta hdlr pitm iloc iinf infe iref iprp ipco ipma ispe pixi colr irot imir clap hvcC av1C auxC grid idat"
    b" mdat moov trak mdia minf stbl stsd stsz stco co64 dimg thmb auxl cdsc hvc1 av01 iden iovl"
).split()
_TIFF_TAGS = (
    *(254, 255, 256, 257, 258, 259, 262, 263, 266, 270, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 285, 290),
    *(291, 292, 293, 296, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 336, 338, 339, 340, 341, 347),
    *(512, 513, 514, 519, 520, 521, 529, 530, 531, 532, 700, 33432, 33723, 34377, 34665, 34675, 37724, 50838),
)
_TIFF_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32_771, 32_773, 32_809, 32_946, 34_676, 34_712, 34_925, 50_000, 50_001)

WORDS: dict[MediaType, Sequence[bytes]] = {
    MediaType.PDF: PDF_WORDS,
    MediaType.PNG: _PNG_NAMES,
    MediaType.JPEG: [*_JPEG_NAMES, b"Exif\0\0", b"Adobe\0", b"JFIF\0", b"ICC_PROFILE\0", b"MPF\0"],
    MediaType.TIFF: [struct.pack("<HHII", tag, 4, 1, 0) for tag in _TIFF_TAGS],
    MediaType.WEBP: _RIFF_NAMES,
    MediaType.HEIC: _BOX_NAMES,
    MediaType.AVIF: _BOX_NAMES,
    MediaType.GIF: [b"\x21\xf9\x04", b"\x21\xff\x0bNETSCAPE2.0", b"\x21\xfe", b"\x2c", b"\x3b", b"\0"],
    MediaType.BMP: [struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124)],
}


def change_png(content: bytes, dice: Random) -> bytes:
    """Chunks changed, with their checksums right; pixels changed before they are deflated."""
    parts = _png_chunks(content)
    if not parts:
        return put_edge(content, dice)
    parts = _with_other_pixels(parts, dice) if dice.random() < 0.2 else _other_parts(parts, dice, _PNG_NAMES)
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    ]
    return content[:8] + b"".join(chunks)


def _png_chunks(content: bytes) -> list[Part]:
    parts: list[Part] = []
    at = 8
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        parts.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def _with_other_pixels(parts: list[Part], dice: Random) -> list[Part]:
    first = next((index for index, (name, _) in enumerate(parts) if name == b"IDAT"), None)
    try:
        raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    except zlib.error:
        raw = b""
    if first is None or not raw:
        return _other_parts(parts, dice, _PNG_NAMES)
    others = [part for part in parts[first:] if part[0] != b"IDAT"]
    return [*parts[:first], (b"IDAT", zlib.compress(dice.choice(ANY)(raw, dice))), *others]


def change_jpeg(content: bytes, dice: Random) -> bytes:
    """Segments changed, with their lengths right."""
    parts, at = [], 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        parts.append((content[at : at + 2], content[at + 4 : at + 2 + length]))
        at += 2 + length
    rest = content[at:]
    if not parts or (rest and dice.random() < 0.2):
        return content[:at] + dice.choice(ANY)(rest or b"\0", dice)
    segments = [
        name + struct.pack(">H", min(len(body) + 2, 0xFFFF)) + body
        for name, body in _other_parts(parts, dice, _JPEG_NAMES)
    ]
    return content[:2] + b"".join(segments) + rest


def change_riff(content: bytes, dice: Random) -> bytes:
    """Chunks changed, with their lengths right, and mostly the whole's."""
    parts, at = [], 12
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        parts.append((content[at : at + 4], content[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    if not parts:
        return put_edge(content, dice)
    chunks = [
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in _other_parts(parts, dice, _RIFF_NAMES)
    ]
    body = b"".join(chunks)
    size = edge_bytes(dice, 4, "little") if dice.random() < 0.1 else struct.pack("<I", len(body) + 4)
    return content[:4] + size + content[8:12] + body


def _other_parts(parts: list[Part], dice: Random, names: Sequence[bytes]) -> list[Part]:
    """One part changed, renamed, left out, repeated, moved, or a new one put in."""
    parts = list(parts)
    at = dice.randrange(len(parts))
    name, body = parts[at]
    match dice.choice("bbbbbbnodmi"):
        case "b":
            parts[at] = (name, dice.choice(ANY if dice.random() < 0.3 else IN_PLACE)(body or b"\0", dice))
        case "n":
            parts[at] = (dice.choice(names), body)
        case "o":
            del parts[at]
        case "d":
            parts[at:at] = [parts[at]] * dice.choice((1, 1, 2, 50))
        case "m":
            parts.insert(dice.randrange(len(parts)), parts.pop(at))
        case _:
            parts.insert(at, (dice.choice(names), dice.randbytes(dice.choice((0, 1, 4, 13, 64, 300)))))
    return parts


def change_boxes(content: bytes, dice: Random) -> bytes:
    """One box of ISO base media: its size, its name or its bytes; everything else keeps its place."""
    boxes = _boxes(content, 0, len(content))
    if not boxes:
        return put_edge(content, dice)
    at, end = dice.choice(boxes)
    match dice.choice("snbbbo"):
        case "s":
            near = struct.pack(">I", (end - at + dice.randint(-12, 12)) & 0xFFFF_FFFF)
            return content[:at] + (near if dice.random() < 0.5 else edge_bytes(dice, 4, "big")) + content[at + 4 :]
        case "n":
            return content[: at + 4] + dice.choice(_BOX_NAMES) + content[at + 8 :]
        case "b":
            body = content[at + 8 : end]
            return content[: at + 8] + dice.choice(IN_PLACE)(body or b"\0", dice)[: len(body)] + content[end:]
        case _:
            other_at, other_end = dice.choice(boxes)
            box = content[other_at:other_end]
            return (content[:at] + box + content[at + len(box) :])[: len(content)]


_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco", b"iinf", b"meta"}


def _boxes(content: bytes, at: int, end: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while at + 8 <= end:
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if not 8 <= size <= end - at:
            break
        found.append((at, at + size))
        if name in _CONTAINERS:
            # meta has a version before its boxes, iinf a count as well.
            found += _boxes(content, at + 8 + {b"meta": 4, b"iinf": 6}.get(name, 0), at + size)
        at += size
    return found


def change_tiff(content: bytes, dice: Random) -> bytes:
    """One entry of a directory: its tag, type, count or value; or where the next directory lies."""
    order = "<" if content[:2] == b"II" else ">"
    directories = _directories(content, order)
    if not directories:
        return put_edge(content, dice)
    at, count = dice.choice(directories)
    entry = at + 2 + 12 * dice.randrange(count)
    tag = struct.unpack_from(f"{order}H", content, entry)[0]
    changed = bytearray(content)
    match dice.choice("gtcvvvvsnr"):
        case "g":
            struct.pack_into(f"{order}H", changed, entry, dice.choice(_TIFF_TAGS))
        case "t":
            struct.pack_into(f"{order}H", changed, entry + 2, dice.choice((0, 1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 16, 18)))
        case "c":
            struct.pack_into(f"{order}I", changed, entry + 4, dice.choice(EDGES) & 0xFFFF_FFFF)
        case "v":
            value = dice.choice(_TIFF_COMPRESSIONS) if tag == 259 else dice.choice(EDGES) & 0xFFFF_FFFF
            short = struct.unpack_from(f"{order}H", content, entry + 2)[0] == 3
            struct.pack_into(f"{order}{'H' if short else 'I'}", changed, entry + 8, value & (0xFFFF if short else -1))
        case "s":
            other = at + 2 + 12 * dice.randrange(count)
            changed[entry : entry + 12], changed[other : other + 12] = content[other : other + 12], content[entry:][:12]
        case "n":
            struct.pack_into(f"{order}H", changed, at, max(0, count + dice.choice((-1, 1, 2, 100, 60_000))) & 0xFFFF)
        case _:
            where = dice.choice([each for each, _ in directories] + [dice.randrange(len(content)), 0, 2**32 - 1])
            struct.pack_into(f"{order}I", changed, at + 2 + 12 * count, where)
    return bytes(changed)


def _directories(content: bytes, order: str) -> list[tuple[int, int]]:
    """Offset and number of entries of each directory that lies whole in the file; none of a BigTIFF's."""
    found: list[tuple[int, int]] = []
    if len(content) < 8 or content[2:4] not in {b"*\0", b"\0*"}:
        return found
    at = struct.unpack_from(f"{order}I", content, 4)[0]
    while at and at + 2 <= len(content) and len(found) < 20:
        count = struct.unpack_from(f"{order}H", content, at)[0]
        if not count or at + 6 + 12 * count > len(content):
            break
        found.append((at, count))
        at = struct.unpack_from(f"{order}I", content, at + 2 + 12 * count)[0]
    return found


CHANGES: dict[MediaType, tuple[Change, ...]] = {
    MediaType.PDF: PDF_CHANGES,
    MediaType.PNG: (change_png,),
    MediaType.JPEG: (change_jpeg,),
    MediaType.TIFF: (change_tiff,),
    MediaType.WEBP: (change_riff,),
    MediaType.HEIC: (change_boxes,),
    MediaType.AVIF: (change_boxes,),
}
"""What knows the format, by kind of document; GIF and BMP have little that the general changes do not reach."""
