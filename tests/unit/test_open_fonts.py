"""Fonts that a PDF names and does not carry: which stands in for which, and that none of them is opened in a child."""

from __future__ import annotations

import base64
import ctypes
import json
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_file_open.font_choice import FontChooser, FontRequest
from lambda_file_open.font_files import find_font_files
from lambda_file_open.font_tables import MAX_FACES_PER_FILE, Face, Script, normal_name, read_faces
from lambda_file_open.fonts import SystemFonts
from tests.support.open_samples import pdf

ROOT = Path(__file__).parents[2]
ANSI, SYMBOL, SHIFT_JIS, HANGUL, GB, BIG5, ARABIC = 0, 2, 128, 129, 134, 136, 178
TTCF = 0x74746366
PACKAGES = "fonts-ipafont-gothic fonts-ipafont-mincho fonts-wqy-microhei fonts-dejavu-core"


# A font made on the spot.


def font_file(
    name: str,
    characters: str,
    *,
    at: int = 0,
    long_cmap: bool = True,
    local_name: str = "",
    weight: int = 400,
    panose: bytes = bytes(10),
) -> bytes:
    """A TrueType font whose every glyph is a square; its tables are told as if it began ``at`` bytes into a file."""
    codes = sorted({ord(character) for character in characters})
    head = struct.pack(">IIIIHHQQhhhhHHhhh", 0x10000, 0, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, 0, 1000, 1000, 0, 8, 2, 1, 0)
    hhea = struct.pack(">IhhhHhhhhhh4hhH", 0x10000, 800, -200, 0, 1000, 0, 0, 1000, 1, 0, 0, 0, 0, 0, 0, 0, 2)
    square = struct.pack(">hhhhhHH4B", 1, 100, 0, 900, 800, 3, 0, 1, 1, 1, 1)
    square += struct.pack(">4h4h", 100, 0, 800, 0, 0, 800, 0, -800)
    square += bytes(-len(square) % 4)
    os2 = struct.pack(">HhHHH", 3, 1000, weight, 5, 0) + bytes(22) + panose + bytes(16) + b"TEST" + bytes(34)
    tables = {
        b"OS/2": os2,
        b"cmap": _long_cmap(codes) if long_cmap else _short_cmap(codes),
        b"glyf": square,
        b"head": head,
        b"hhea": hhea,
        b"hmtx": struct.pack(">HhHh", 1000, 0, 1000, 100),
        b"loca": struct.pack(">III", 0, 0, len(square)),
        b"maxp": struct.pack(">IH13H", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
        b"name": _names(name, local_name),
        b"post": struct.pack(">IiHHIIIII", 0x30000, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    directory, body = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, 32), b""
    start = at + 12 + 16 * len(tables)
    for tag, table in tables.items():
        directory += struct.pack(">4sIII", tag, 0, start + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return directory + body + bytes(max(0, 1100 - len(body)))


def _long_cmap(codes: list[int]) -> bytes:
    groups = b"".join(struct.pack(">III", code, code, 1) for code in codes)
    return struct.pack(">HHHHIHHIII", 0, 1, 3, 10, 12, 12, 0, 16 + len(groups), 0, len(codes)) + groups


def _short_cmap(codes: list[int]) -> bytes:
    ends = [*codes, 0xFFFF]
    count = len(ends)
    body = struct.pack(f">{count}HH{count}H", *ends, 0, *ends)
    body += struct.pack(f">{count}H{count}H", *((1 - code) & 0xFFFF for code in ends), *([0] * count))
    subtable = struct.pack(">HHHHHHH", 4, 14 + len(body), 0, 2 * count, 0, 0, 0) + body
    return struct.pack(">HHHHI", 0, 1, 3, 1, 12) + subtable


def _names(name: str, local_name: str) -> bytes:
    written = [(0x409, 1, name), (0x409, 4, name), (0x409, 6, name.replace(" ", ""))]
    written += [(0x411, 1, local_name)] if local_name else []
    records, strings = b"", b""
    for language, number, text in written:
        encoded = text.encode("utf_16_be")
        records += struct.pack(">6H", 3, 1, language, number, len(encoded), len(strings))
        strings += encoded
    return struct.pack(">HHH", 0, len(written), 6 + len(records)) + records + strings


def collection(names: Iterable[str], characters: str) -> bytes:
    names = list(names)
    head_bytes = 12 + 4 * len(names)
    offsets: list[int] = []
    body = b""
    for name in names:
        offsets.append(head_bytes + len(body))
        body += font_file(name, characters, at=offsets[-1])
        body += bytes(-len(body) % 4)
    return struct.pack(f">4sII{len(names)}I", b"ttcf", 0x10000, len(names), *offsets) + body


LATIN = "AZaz09&%"
JAPANESE = LATIN + "あんアンー請求書込円込畑働"


# What a file says of itself.


@pytest.mark.parametrize("long_cmap", [True, False])
def test_a_face_is_read(long_cmap: bool) -> None:
    panose = bytes([2, 2, 0, 9, 0, 0, 0, 0, 0, 0])
    written = font_file("Try Mincho", JAPANESE, long_cmap=long_cmap, local_name="ＴＲＹ 明朝", weight=7, panose=panose)
    (face,) = read_faces(memoryview(written))
    assert (face.name, face.family, face.weight, face.italic) == ("TryMincho", "Try Mincho", 700, False)
    assert face.names == {"trymincho", "try明朝"}
    assert face.serif
    assert face.fixed_pitch
    assert face.scripts == {Script.LATIN, Script.JAPANESE}
    assert face.character_count == len(set(JAPANESE)) + (not long_cmap)


def test_the_faces_of_a_collection() -> None:
    faces = read_faces(memoryview(collection(["One", "Two"], LATIN)))
    assert [face.name for face in faces] == ["One", "Two"]
    assert faces[0].offset_bytes < faces[1].offset_bytes


def test_no_more_faces_than_pdfium_keeps() -> None:
    assert len(read_faces(memoryview(collection([f"F{n}" for n in range(40)], "A")))) == MAX_FACES_PER_FILE


@pytest.mark.parametrize("written", [font_file("Try", JAPANESE), collection(["One", "Two"], LATIN)])
def test_a_font_that_ends_early_is_passed_over(written: bytes) -> None:
    for length in range(0, len(written), 7):
        read_faces(memoryview(written[:length]))
    assert read_faces(memoryview(written[:300])) == ()
    assert read_faces(memoryview(b"")) == ()


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=40), st.booleans())
def test_a_damaged_font_harms_nothing(damage: list[tuple[int, int]], long_cmap: bool) -> None:
    written = bytearray(font_file("Try", JAPANESE, long_cmap=long_cmap))
    for at, value in damage:
        written[at % len(written)] = value
    for face in read_faces(memoryview(bytes(written))):
        assert 100 <= face.weight <= 900
        assert all(start + length <= len(written) for start, length in face.tables.values())


@given(st.binary(max_size=300), st.sampled_from([b"", b"ttcf\0\1\0\0\0\0\0\2", b"\0\1\0\0\0\7", b"OTTO\xff\xff"]))
def test_random_bytes_are_no_font(untrusted: bytes, beginning: bytes) -> None:
    assert read_faces(memoryview(beginning + untrusted)) == ()


def test_files_are_found_once_and_broken_ones_passed_over(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.TTF").write_bytes(font_file("Try", LATIN))
    (tmp_path / "again.ttf").symlink_to(tmp_path / "deep" / "a.TTF")
    (tmp_path / "gone.ttf").symlink_to(tmp_path / "nothing")
    (tmp_path / "b.ttc").write_bytes(collection(["One", "Two"], LATIN))
    (tmp_path / "broken.otf").write_bytes(b"OTTO" + bytes(5000))
    (tmp_path / "short.ttf").write_bytes(b"\0\1\0\0")
    (tmp_path / "note.txt").write_bytes(font_file("Note", LATIN))
    files = find_font_files([tmp_path, tmp_path / "deep", tmp_path / "missing"])
    assert sorted(face.name for file in files for face in file.faces) == ["One", "Try", "Two"]


# Which one is chosen.


def face(name: str, *scripts: Script, **options: object) -> Face:
    values: dict[str, object] = {
        "name": name.replace(" ", ""),
        "names": frozenset({normal_name(name)}),
        "family": name,
        "weight": 400,
        "width": 5,
        "italic": False,
        "serif": False,
        "fixed_pitch": False,
        "scripts": frozenset({Script.LATIN, *scripts}),
        "character_count": 10_000,
        "offset_bytes": 0,
        "tables": {},
    }
    return Face(**(values | options))  # type: ignore[arg-type]


CJK = (Script.JAPANESE, Script.SIMPLIFIED_CHINESE, Script.TRADITIONAL_CHINESE, Script.KOREAN)
INSTALLED = (
    face("IPAGothic", Script.JAPANESE, fixed_pitch=True),
    face("IPAPGothic", Script.JAPANESE),
    face("IPAMincho", Script.JAPANESE, fixed_pitch=True, serif=True),
    face("IPAPMincho", Script.JAPANESE, serif=True),
    face("Noto Sans CJK JP", *CJK, character_count=44_000),
    face("Noto Sans CJK SC", *CJK, character_count=44_000),
    face("Noto Sans CJK TC", *CJK, character_count=44_000),
    face("Noto Sans CJK KR", *CJK, character_count=44_000),
    face("Noto Serif CJK SC", *CJK, serif=True, character_count=44_000),
    face("Noto Serif CJK KR", *CJK, serif=True, character_count=44_000),
    face("DejaVu Sans", Script.ARABIC, Script.GREEK, names=frozenset({"dejavusans"})),
    face("DejaVu Sans Bold", Script.ARABIC, names=frozenset({"dejavusans"}), weight=700),
    face("DejaVu Sans Oblique", names=frozenset({"dejavusans"}), italic=True),
)
WISHES = [
    ("MS-Gothic", SHIFT_JIS, "IPAGothic"),
    ("MS-PGothic", SHIFT_JIS, "IPAPGothic"),
    ("MS-UIGothic", SHIFT_JIS, "IPAPGothic"),
    ("MS-Mincho", SHIFT_JIS, "IPAMincho"),
    ("MS-PMincho", SHIFT_JIS, "IPAPMincho"),
    ("ＭＳ ゴシック", SHIFT_JIS, "IPAGothic"),
    ("ＭＳ Ｐ明朝", SHIFT_JIS, "IPAPMincho"),
    ("ＭＳ ゴシック", ANSI, "IPAGothic"),
    ("MS-Gothic", ANSI, "IPAGothic"),
    ("MS-Mincho", SYMBOL, "IPAMincho"),
    ("Meiryo", SHIFT_JIS, "IPAGothic"),
    ("YuGothic-Regular", SHIFT_JIS, "IPAGothic"),
    ("YuMincho-Regular", SHIFT_JIS, "IPAMincho"),
    ("HeiseiKakuGo-W5", SHIFT_JIS, "IPAGothic"),
    ("HeiseiMin-W3", SHIFT_JIS, "IPAMincho"),
    ("KozGoPr6N-Medium", SHIFT_JIS, "IPAGothic"),
    ("KozMinPr6N-Regular", SHIFT_JIS, "IPAMincho"),
    ("Ryumin-Light", SHIFT_JIS, "IPAMincho"),
    ("GothicBBB-Medium", SHIFT_JIS, "IPAGothic"),
    ("HiraKakuProN-W3", SHIFT_JIS, "IPAGothic"),
    ("HiraMinProN-W3", SHIFT_JIS, "IPAMincho"),
    ("A-OTF-RyuminPro-Light", SHIFT_JIS, "IPAMincho"),
    ("Nobody-Knows", SHIFT_JIS, "IPAGothic"),
    ("Noto Sans CJK JP", SHIFT_JIS, "NotoSansCJKJP"),
    ("SimSun", GB, "NotoSerifCJKSC"),
    ("SimHei", GB, "NotoSansCJKSC"),
    ("STSong-Light", GB, "NotoSerifCJKSC"),
    ("微软雅黑", GB, "NotoSansCJKSC"),
    ("MicrosoftJhengHei", BIG5, "NotoSansCJKTC"),
    ("HYSMyeongJo-Medium", HANGUL, "NotoSerifCJKKR"),
    ("Batang", HANGUL, "NotoSerifCJKKR"),
    ("Gulim", HANGUL, "NotoSansCJKKR"),
    ("MalgunGothic", ANSI, "NotoSansCJKKR"),
    ("TraditionalArabic", ANSI, "DejaVuSans"),
    ("Whatever", ARABIC, "DejaVuSans"),
    ("DejaVuSans", ANSI, "DejaVuSans"),
    ("Helvetica", ANSI, None),
    ("Times-Roman", ANSI, None),
    ("Courier-Bold", ANSI, None),
    ("Verdana", ANSI, None),
    ("CenturyGothic", ANSI, None),
    ("Wingdings", SYMBOL, None),
    ("", ANSI, None),
]


@pytest.mark.parametrize(("name", "charset", "expected"), WISHES)
def test_what_stands_in_for_a_font(name: str, charset: int, expected: str | None) -> None:
    codec = {GB: "gbk", BIG5: "cp950"}.get(charset, "cp932")
    for written in {name.encode(), name.encode(codec)}:
        chosen = FontChooser(INSTALLED).choose(FontRequest(untrusted_name=written, charset=charset))
        assert (chosen and chosen.name) == expected


@pytest.mark.parametrize(
    ("weight", "italic", "expected"),
    [(400, False, "DejaVuSans"), (700, False, "DejaVuSansBold"), (400, True, "DejaVuSansOblique")],
)
def test_the_face_of_a_family_by_weight_and_slant(weight: int, italic: bool, expected: str) -> None:
    request = FontRequest(untrusted_name=b"DejaVu Sans", weight=weight, italic=italic)
    chosen = FontChooser(INSTALLED).choose(request)
    assert chosen is not None
    assert chosen.name == expected


def test_a_font_as_wide_as_helvetica_is_taken_where_there_is_one() -> None:
    bold = face("Liberation Sans Bold", names=frozenset({"liberationsans"}), weight=700)
    chooser = FontChooser((*INSTALLED, face("Liberation Sans"), bold))
    assert chooser.choose(FontRequest(untrusted_name=b"Helvetica-Bold", weight=700)) is bold


def test_without_a_japanese_font_a_chinese_one_writes_the_ideographs() -> None:
    chinese = face("WenQuanYi Micro Hei", Script.SIMPLIFIED_CHINESE)
    request = FontRequest(untrusted_name=b"MS-Mincho", charset=SHIFT_JIS)
    assert FontChooser([chinese]).choose(request) is chinese
    assert FontChooser([]).choose(request) is None


@given(st.binary(max_size=600), st.integers(0, 300), st.integers(-10, 2000), st.booleans())
def test_any_name_gets_an_answer(untrusted_name: bytes, charset: int, weight: int, serif: bool) -> None:
    FontChooser(INSTALLED).choose(
        FontRequest(untrusted_name=untrusted_name, charset=charset, weight=weight, serif=serif)
    )


# What PDFium gets.


def data(fonts: SystemFonts, handle: int | None, table: int, size_bytes: int | None = None) -> tuple[int, bytes]:
    """The answer to a request for a table, and what was written into a buffer of that size."""
    if size_bytes is None:
        return fonts._data(None, handle, table, None, 0), b""
    buffer = (ctypes.c_ubyte * (size_bytes + 8))(*(b"\xee" * (size_bytes + 8)))
    count = fonts._data(None, handle, table, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ubyte)), size_bytes)
    assert bytes(buffer)[size_bytes:] == b"\xee" * 8
    return count, bytes(buffer)[:size_bytes]


def test_a_plain_font_is_given_as_a_collection_of_one(tmp_path: Path) -> None:
    written = font_file("Try", LATIN)
    (tmp_path / "a.ttf").write_bytes(written)
    fonts = SystemFonts(find_font_files([tmp_path]))
    count, _ = data(fonts, 1, TTCF)
    whole, _ = data(fonts, 1, 0)
    assert (count, count - whole) == (len(written) + 16, 16)
    _, image = data(fonts, 1, TTCF, count)
    (inside,) = read_faces(memoryview(image))
    (plain,) = read_faces(memoryview(written))
    assert inside.offset_bytes == 16
    for tag, (start, length) in plain.tables.items():
        begin, _ = inside.tables[tag]
        assert image[begin : begin + length] == written[start : start + length]
        assert data(fonts, 1, int.from_bytes(tag, "big"), length) == (length, written[start : start + length])


def test_a_collection_is_given_as_it_is(tmp_path: Path) -> None:
    written = collection(["One", "Two"], LATIN)
    (tmp_path / "a.ttc").write_bytes(written)
    fonts = SystemFonts(find_font_files([tmp_path]))
    assert data(fonts, 2, TTCF, len(written)) == (len(written), written)
    second = read_faces(memoryview(written))[1].offset_bytes
    assert data(fonts, 2, 0) == (len(written) - second, b"")


def test_a_buffer_that_is_too_small(tmp_path: Path) -> None:
    (tmp_path / "a.ttf").write_bytes(font_file("Try", LATIN))
    fonts = SystemFonts(find_font_files([tmp_path]))
    head = int.from_bytes(b"head", "big")
    assert data(fonts, 1, head, 53) == (54, b"\xee" * 53)
    assert data(fonts, 1, int.from_bytes(b"GSUB", "big"), 10) == (0, b"\xee" * 10)
    count, _ = data(fonts, 1, TTCF)
    # PDFium's checksum is of the first kilobyte, which it asks for with a buffer of that size.
    assert data(fonts, 1, TTCF, 1024) == (count, data(fonts, 1, TTCF, count)[1][:1024])
    assert [data(fonts, handle, TTCF)[0] for handle in (None, 0, 2, 1 << 40)] == [0, 0, 0, 0]


# And that no child opens a file for it.

IN_A_CHILD = """
import base64, json, os, resource, sys, zlib
from pathlib import Path
from lambda_file_open import fonts, warmup
from tests.support.open_samples import decode_one

documents, folders = json.load(sys.stdin)
if folders is not None:
    fonts.FONT_FOLDERS = folders
warmup.load_decoders()

def render(document, *, locked):
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if locked:
                resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
                try:
                    Path("/dev/null").open()
                    os._exit(2)
                except OSError:
                    pass
            _, pixels = decode_one(document, text_layer=True)
            answer = [int((pixels.min(axis=2) < 128).sum()), zlib.crc32(pixels.tobytes())]
        except BaseException as error:
            answer = repr(error)
        os.write(there, json.dumps(answer).encode())
        os._exit(0)
    os.close(there)
    answer = os.read(here, 4096)
    os.close(here)
    os.waitpid(pid, 0)
    return json.loads(answer or "null")

drawn = {}
for name, document in documents.items():
    document = base64.b64decode(document)
    drawn[name] = [render(document, locked=False), render(document, locked=True)]
print(json.dumps([drawn, [script.value for script in fonts.covered_scripts()]]))
"""
Answer = tuple[dict[str, list[list[int]]], set[str]]
"""For each document ink and checksum, drawn by a child that may open files and by one that may not; scripts."""


def drawn_in_children(documents: dict[str, bytes], folders: list[str] | None = None) -> Answer:
    told = {name: base64.b64encode(document).decode() for name, document in documents.items()}
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CHILD],
        cwd=ROOT,
        input=json.dumps([told, folders]),
        capture_output=True,
        text=True,
        check=True,
    )
    drawn, scripts = json.loads(done.stdout)
    return drawn, set(scripts)


def line_of_text(font: str, written: bytes, *more: str) -> bytes:
    content = f"BT /F2 24 Tf 10 20 Td <{written.hex()}> Tj ET"
    return pdf([("/MediaBox[0 0 300 60]/Resources<</Font<</F2 12 0 R>>>>", content)], extra=(font, *more))


def cid_line(name: str, ordering: str, encoding: str, written: bytes, *, stem: int = 80) -> bytes:
    return line_of_text(
        f"<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/{encoding}/DescendantFonts[<</Type/Font"
        f"/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering({ordering})/Supplement 2>>"
        f"/DW 1000/FontDescriptor<</Type/FontDescriptor/FontName/{name}/Flags 4/FontBBox[0 -200 1000 900]"
        f"/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV {stem}>>>>]>>",
        written,
    )


def simple_line(name: str, written: bytes, *, kind: str = "Type1", encoding: str = "/WinAnsiEncoding") -> bytes:
    return line_of_text(f"<</Type/Font/Subtype/{kind}/BaseFont/{name}/Encoding {encoding}>>", written)


INVOICE = "請求書"
ARABIC_LETTERS = "<</Type/Encoding/Differences[65/afii57415/uni0628/uni062C/uni0639/uni0645]>>"
DOCUMENTS = {
    "gothic 90ms-RKSJ-H": (Script.JAPANESE, cid_line("MS-Gothic", "Japan1", "90ms-RKSJ-H", INVOICE.encode("cp932"))),
    "mincho 90ms-RKSJ-H": (Script.JAPANESE, cid_line("MS-Mincho", "Japan1", "90ms-RKSJ-H", INVOICE.encode("cp932"))),
    "mincho 90msp-RKSJ-V": (Script.JAPANESE, cid_line("MS-PMincho", "Japan1", "90msp-RKSJ-V", "書".encode("cp932"))),
    "gothic UniJIS-UCS2-H": (
        Script.JAPANESE,
        cid_line("HeiseiKakuGo-W5", "Japan1", "UniJIS-UCS2-H", INVOICE.encode("utf_16_be"), stem=114),
    ),
    "mincho UniJIS-UCS2-H": (
        Script.JAPANESE,
        cid_line("Ryumin-Light", "Japan1", "UniJIS-UCS2-H", INVOICE.encode("utf_16_be"), stem=57),
    ),
    "bold UniJIS-UTF16-H": (
        Script.JAPANESE,
        cid_line("KozMinPr6N-Bold", "Japan1", "UniJIS-UTF16-H", INVOICE.encode("utf_16_be"), stem=140),
    ),
    # Adobe-Japan1 numbers its hiragana from 842.
    "gothic Identity-H": (Script.JAPANESE, cid_line("GothicBBB-Medium", "Japan1", "Identity-H", b"\3\x4b\3\x4d")),
    "full-width name": (
        Script.JAPANESE,
        cid_line("#82l#82r#20#96#be#92#a9", "Japan1", "UniJIS-UCS2-H", INVOICE.encode("utf_16_be")),
    ),
    "simplified Chinese": (
        Script.SIMPLIFIED_CHINESE,
        cid_line("SimSun", "GB1", "UniGB-UCS2-H", "发票".encode("utf_16_be")),
    ),
    "simplified Chinese, GBK": (
        Script.SIMPLIFIED_CHINESE,
        cid_line("SimHei", "GB1", "GBK-EUC-H", "发票".encode("gbk")),
    ),
    "traditional Chinese": (
        Script.TRADITIONAL_CHINESE,
        cid_line("MingLiU", "CNS1", "ETen-B5-H", "發票".encode("cp950")),
    ),
    "Korean": (Script.KOREAN, cid_line("HYGoThic-Medium", "Korea1", "UniKS-UCS2-H", "한글".encode("utf_16_be"))),
    "Korean, UHC": (Script.KOREAN, cid_line("Batang", "Korea1", "KSCms-UHC-H", "한글".encode("cp949"))),
    "Arabic": (
        Script.ARABIC,
        simple_line("TraditionalArabic", b"ABCDE", kind="TrueType", encoding=ARABIC_LETTERS),
    ),
    "Helvetica": (None, simple_line("Helvetica", b"Total")),
    "Times": (None, simple_line("Times-BoldItalic", b"Total")),
    "Courier": (None, simple_line("CourierNew", b"Total", kind="TrueType")),
    "a Latin font nobody has": (None, simple_line("NobodyHasThis-Bold", b"Total", kind="TrueType")),
    "MS Gothic for Latin letters": (None, simple_line("MS-Gothic", b"12,345", kind="TrueType")),
    "Symbol": (None, simple_line("Symbol", b"abc", encoding="/StandardEncoding")),
}


@pytest.fixture(scope="module")
def drawn() -> Answer:
    return drawn_in_children({name: document for name, (_, document) in DOCUMENTS.items()})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_child_that_can_open_no_file_draws_the_same(drawn: Answer, name: str) -> None:
    (with_files, without_files), scripts = drawn[0][name], drawn[1]
    script, _ = DOCUMENTS[name]
    assert with_files == without_files
    if script is not None and script.value not in scripts:
        pytest.skip(f"no {script.value} font on this machine; Debian: {PACKAGES}")
    assert without_files[0] > 100


def test_fonts_of_other_folders(tmp_path: Path) -> None:
    (tmp_path / "gothic.ttf").write_bytes(font_file("Try Gothic", JAPANESE))
    (tmp_path / "mincho.ttf").write_bytes(font_file("Try Mincho", JAPANESE, panose=b"\2\2" + bytes(8)))
    (tmp_path / "both.ttc").write_bytes(collection(["Try Hei One", "Try Hei Two"], LATIN + "发购单让们这对说钱银账票"))
    documents = {name: document for name, (script, document) in DOCUMENTS.items() if script in {None, *CJK[:2]}}
    drawn, scripts = drawn_in_children(documents, [str(tmp_path)])
    assert scripts == {"latin", "japanese", "simplified_chinese"}
    for with_files, without_files in drawn.values():
        assert with_files == without_files
        assert without_files[0] > 100
    # Squares of 800 by 800 thousandths of an em, three of them at 24 points and 200 dpi.
    square_px = 0.8 * 24 * 200 / 72
    assert drawn["gothic 90ms-RKSJ-H"][0][0] == pytest.approx(3 * square_px**2, rel=0.06)


def test_where_no_font_is_installed() -> None:
    drawn, scripts = drawn_in_children({name: document for name, (_, document) in DOCUMENTS.items()}, [])
    assert scripts == set()
    for name, (with_files, without_files) in drawn.items():
        assert with_files == without_files
        assert DOCUMENTS[name][0] is not None or with_files[0] > 100
