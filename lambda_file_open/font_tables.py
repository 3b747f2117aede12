"""What the faces of a font file say of themselves: names, style, the scripts that they can write.

A library is not worth its weight here: a few numbers of five tables are read. Fonts are the operator's, not the
stranger's; still a broken one does no harm beyond being passed over.
"""

from __future__ import annotations

import enum
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_FACES_PER_FILE = 16
"""PDFium keeps so many faces of a collection and ends the process at the next (CFX_FontMgr::FontDesc)."""
_VERSIONS = (b"\x00\x01\x00\x00", b"true", b"OTTO")
_NEEDED_TABLES = (b"cmap", b"head", b"hhea", b"hmtx", b"maxp", b"name")
_OUTLINE_TABLES = (b"glyf", b"CFF ", b"CFF2")
_BROKEN = (struct.error, IndexError, KeyError, OverflowError, ValueError)
"""What reading a damaged table raises."""


class Script(enum.Enum):
    """What a face can write."""

    LATIN = "latin"
    GREEK = "greek"
    CYRILLIC = "cyrillic"
    HEBREW = "hebrew"
    ARABIC = "arabic"
    THAI = "thai"
    JAPANESE = "japanese"
    SIMPLIFIED_CHINESE = "simplified_chinese"
    TRADITIONAL_CHINESE = "traditional_chinese"
    KOREAN = "korean"


_PROBES: Mapping[Script, str] = {
    Script.LATIN: "AZaz09&%",
    Script.GREEK: "ΑΩαωξψάή",
    Script.CYRILLIC: "АЯаяжщЫё",
    Script.HEBREW: "אבלמשת",
    Script.ARABIC: "ابجعمي",
    Script.THAI: "กขมหฮา",
    Script.JAPANESE: "あんアンー請求書込円込畑働",
    # Characters that Japanese fonts lack: the simplified forms of GB 2312, and common ones of Big5 beyond JIS X 0213.
    Script.SIMPLIFIED_CHINESE: "发票购单让们这对说钱银账",
    Script.TRADITIONAL_CHINESE: "發票購單讓嗎啦喔妳媽奶爸吧呢嘛",
    Script.KOREAN: "가한글세금계산서",
}
_PROBED = np.array([ord(character) for probe in _PROBES.values() for character in probe], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One face of a font file.

    Attributes:
        name: PostScript name, ASCII.
        names: Every name it goes by, in every language, as ``normal_name`` gives it.
        family: The English family name, ASCII.
        weight: 100 to 900.
        width: 1 (ultra-condensed) to 9; 5 is normal.
        character_count: How many code points it has glyphs for, about.
        offset_bytes: Of its table directory in the file.
        tables: Offset in the file and length of each table.
    """

    name: str
    names: frozenset[str]
    family: str
    weight: int
    width: int
    italic: bool
    serif: bool
    fixed_pitch: bool
    scripts: frozenset[Script]
    character_count: int
    offset_bytes: int
    tables: Mapping[bytes, tuple[int, int]]


def read_faces(data: memoryview) -> tuple[Face, ...]:
    """The faces of a TrueType or OpenType file or collection; none of a file that is broken or another thing."""
    try:
        offsets = (0,)
        if bytes(data[:4]) == b"ttcf":
            (count,) = struct.unpack_from(">I", data, 8)
            offsets = struct.unpack_from(f">{min(count, MAX_FACES_PER_FILE)}I", data, 12)
    except _BROKEN:
        return ()
    faces = []
    for offset in offsets:
        try:
            faces.append(_read_face(data, offset))
        except _BROKEN:
            continue
    return tuple(faces)


def _read_face(data: memoryview, offset: int) -> Face:
    tables = _directory(data, offset)

    def table(tag: bytes) -> memoryview:
        start, length = tables[tag]
        return data[start : start + length]

    names = _names(table(b"name"))
    subtable = _unicode_subtable(table(b"cmap"))
    covered, character_count = (np.zeros(_PROBED.size, dtype=np.bool_), 0) if subtable is None else _coverage(subtable)
    style = _style(table(b"OS/2") if b"OS/2" in tables else None, table(b"post") if b"post" in tables else None)
    (mac_style,) = struct.unpack_from(">H", table(b"head"), 44)
    known = frozenset(normal_name(name) for _, name in names)
    return Face(
        name=_ascii(names, 6, 4, 1),
        names=known - {""},
        family=_ascii(names, 16, 1, 6),
        weight=style.weight or (700 if mac_style & 1 else 400),
        width=style.width,
        italic=style.italic or bool(mac_style & 2),
        serif=style.serif,
        # The monospaced faces of a CJK family say nothing of it elsewhere: their ideographs are twice as wide.
        fixed_pitch=style.fixed_pitch or "Mono" in _ascii(names, 16, 1, 6).split(),
        scripts=_scripts(covered),
        character_count=character_count,
        offset_bytes=offset,
        tables=tables,
    )


def _directory(data: memoryview, offset: int) -> dict[bytes, tuple[int, int]]:
    version, table_count = struct.unpack_from(">4sH", data, offset)
    if version not in _VERSIONS:
        raise ValueError("not a face")
    tables: dict[bytes, tuple[int, int]] = {}
    for index in range(table_count):
        tag, _, start, length = struct.unpack_from(">4sIII", data, offset + 12 + 16 * index)
        if start + length <= len(data):
            tables[tag] = (start, length)
    if not all(tag in tables for tag in _NEEDED_TABLES) or not any(tag in tables for tag in _OUTLINE_TABLES):
        raise ValueError("a table is missing or reaches beyond the file")
    return tables


def normal_name(name: str) -> str:
    """A font's name without what differs between writings of it: case, width, spaces, hyphens."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character not in " -_,.")


def _names(table: memoryview) -> list[tuple[int, str]]:
    """Number and text of the names that matter: family (1, 16), full (4), PostScript (6)."""
    _, count, strings_at = struct.unpack_from(">HHH", table)
    names: list[tuple[int, str]] = []
    for index in range(count):
        platform, encoding, _, number, length, start = struct.unpack_from(">6H", table, 6 + 12 * index)
        if number not in {1, 4, 6, 16}:
            continue
        written = bytes(table[strings_at + start : strings_at + start + length])
        codec = "utf_16_be" if platform in {0, 3} else {0: "mac_roman", 1: "shift_jis"}.get(encoding)
        if codec is not None and length:
            names.append((number, written.decode(codec, "ignore").strip("\0 ")))
    return names


def _ascii(names: list[tuple[int, str]], *numbers: int) -> str:
    for number in numbers:
        for found, name in names:
            if found == number and name.isascii() and name.isprintable() and name:
                return name
    raise ValueError("a face without a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    weight: int = 0
    width: int = 5
    italic: bool = False
    serif: bool = False
    fixed_pitch: bool = False


def _style(os2: memoryview | None, post: memoryview | None) -> _Style:
    # Both tables may be missing. https://learn.microsoft.com/typography/opentype/spec/os2
    angle, _, fixed_pitch = struct.unpack_from(">iiI", post, 4) if post is not None else (0, 0, 0)
    if os2 is None:
        return _Style(italic=angle != 0, fixed_pitch=fixed_pitch != 0)
    weight, width = struct.unpack_from(">HH", os2, 4)
    # Family class by its high byte: 1 to 5 and 7 have serifs, 8 has none, 0 leaves it to PANOSE.
    family_class, panose = os2[30], os2[32:42]
    is_text = panose[0] == 2
    serif = family_class in {1, 2, 3, 4, 5, 7} or (family_class == 0 and is_text and 2 <= panose[1] <= 10)
    (selection,) = struct.unpack_from(">H", os2, 62)
    return _Style(
        weight=min(max(weight * 100 if weight < 10 else weight, 100), 900),
        width=width if 1 <= width <= 9 else 5,
        italic=angle != 0 or bool(selection & 0x201),
        serif=serif,
        fixed_pitch=fixed_pitch != 0 or (is_text and panose[3] == 9),
    )


def _unicode_subtable(cmap: memoryview) -> memoryview | None:
    """The subtable that maps most of Unicode; a face with symbols alone has none."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    best, best_rank = None, 0
    for index in range(count):
        platform, encoding, start = struct.unpack_from(">HHI", cmap, 4 + 8 * index)
        (kind,) = struct.unpack_from(">H", cmap, start)
        is_unicode = platform == 0 or (platform == 3 and encoding in {1, 10})
        rank = {4: 1, 12: 2}.get(kind, 0) if is_unicode else 0
        if rank > best_rank:
            best, best_rank = cmap[start:], rank
    return best


def _coverage(subtable: memoryview) -> tuple[NDArray[np.bool_], int]:
    """Which of the probed characters have a glyph, and how many characters do in all."""
    if struct.unpack_from(">H", subtable)[0] == 12:
        (count,) = struct.unpack_from(">I", subtable, 12)
        groups = np.frombuffer(subtable[16 : 16 + 12 * count], dtype=">u4").astype(np.int64).reshape(count, 3)
        starts, ends, glyphs = groups[:, 0], groups[:, 1], groups[:, 2]
        at, inside = _segments_of_probes(starts, ends)
        return inside & (glyphs[at] + _PROBED - starts[at] != 0), _count(starts, ends)
    (doubled,) = struct.unpack_from(">H", subtable, 6)
    count = doubled // 2
    words = np.frombuffer(subtable[14 : 14 + (len(subtable) - 14) // 2 * 2], dtype=">u2").astype(np.int64)
    # End codes, one word of padding, then start codes, deltas and range offsets; the glyph array follows.
    ends, starts = words[:count], words[count + 1 : 2 * count + 1]
    deltas, range_offsets = words[2 * count + 1 : 3 * count + 1], words[3 * count + 1 : 4 * count + 1]
    at, inside = _segments_of_probes(starts, ends)
    listed_at = 3 * count + 1 + at + range_offsets[at] // 2 + _PROBED - starts[at]
    listed = words[np.clip(listed_at, 0, words.size - 1)]
    glyphs = np.where(range_offsets[at] == 0, (_PROBED + deltas[at]) & 0xFFFF, listed)
    return inside & (glyphs != 0), _count(starts, ends)


def _segments_of_probes(
    starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    at = np.minimum(np.searchsorted(ends, _PROBED), ends.size - 1)
    return at, (starts[at] <= _PROBED) & (ends[at] >= _PROBED)


def _count(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    return int(np.clip(ends - starts + 1, 0, 0x10000).sum())


def _scripts(covered: NDArray[np.bool_]) -> frozenset[Script]:
    scripts: set[Script] = set()
    start = 0
    for script, probe in _PROBES.items():
        if covered[start : start + len(probe)].all():
            scripts.add(script)
        start += len(probe)
    return frozenset(scripts)
