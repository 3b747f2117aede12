"""Changes that know PDF: names, numbers, operators, references, whole objects, and what is inside a deflated stream."""

from __future__ import annotations

import re
import zlib
from random import Random

from tests.support.fuzz_bytes import ANY, Change, flip_bits, place

_NAMES = (
    b"/Type /Subtype /Page /Pages /Kids /Count /Parent /Catalog /Root /Size /Prev /XRefStm /Index /W"
    b" /First /N /Extends /ObjStm /XRef /Length /Filter /DecodeParms /Predictor /Colors /BitsPerComponent"
    b" /Columns /EarlyChange /K /Rows /BlackIs1 /JBIG2Globals /FlateDecode /LZWDecode /ASCIIHexDecode"
    b" /ASCII85Decode /RunLengthDecode /CCITTFaxDecode /DCTDecode /JPXDecode /JBIG2Decode /Crypt /Encrypt"
    b" /V /R /O /U /P /CF /StmF /StrF /Identity /AESV3 /Standard /MediaBox /CropBox /Rotate /UserUnit"
    b" /Contents /Resources /Font /XObject /Pattern /Shading /ExtGState /ColorSpace /Image /Form /Width"
    b" /Height /ImageMask /Mask /SMask /SMaskInData /Decode /Interpolate /Matte /BBox /Matrix /Group"
    b" /Transparency /DeviceGray /DeviceRGB /DeviceCMYK /CalRGB /Lab /ICCBased /Indexed /Separation"
    b" /DeviceN /PatternType /TilingType /PaintType /XStep /YStep /ShadingType /Coords /Domain /Extend"
    b" /Function /FunctionType /C0 /C1 /Functions /Bounds /Encode /Range /BitsPerSample /BitsPerCoordinate"
    b" /BitsPerFlag /VerticesPerRow /Type0 /Type1 /Type3 /TrueType /CIDFontType0 /CIDFontType2 /MMType1"
    b" /BaseFont /Encoding /Differences /FirstChar /LastChar /Widths /FontDescriptor /FontFile /FontFile2"
    b" /FontFile3 /DescendantFonts /CIDToGIDMap /CIDSystemInfo /DW /W2 /ToUnicode /CharProcs /FontMatrix"
    b" /FontBBox /Annots /Annot /AP /AS /Rect /Widget /AcroForm /XFA /Fields /OCProperties /OCG /BM"
    b" /Multiply /ca /TR /HT /Names /Dests /Outlines /OpenAction /JavaScript /StructTreeRoot"
).split()
_OPERATORS = (
    b"q Q cm w J j M d ri i gs m l c v y h re S s f F f* B B* b b* n W W* BT ET Tc Tw Tz TL Tf Tr Ts Td TD"
    b" Tm T* Tj TJ ' \" d0 d1 CS cs SC SCN sc scn G g RG rg K k sh BI ID EI Do MP DP BMC BDC EMC BX EX obj"
    b" endobj stream endstream R xref trailer startxref null true false"
).split()
_NUMBERS = (
    b"0 1 -1 2 3 0.5 -0.001 1e9 255 256 32767 32768 65535 65536 100000 1000000 16777216 2147483647 2147483648"
    b" -2147483648 4294967295 4294967296 9999999999999999999 0.00000001 99999999.9999 1. .5 -- +-1 NaN"
).split()
_FRAGMENTS = (
    b"[" * 600,
    b"<<" * 300,
    b"q " * 600,
    b"/DecodeParms<</Predictor 15/Colors 32/BitsPerComponent 16/Columns 100000>>",
    b"/DecodeParms<</Predictor 2/Colors 3/BitsPerComponent 1/Columns 7>>",
    b"/Filter[/FlateDecode/FlateDecode/FlateDecode]",
    b"/Filter/JBIG2Decode",
    b"/Filter/JPXDecode",
    b"/ColorSpace[/Indexed/DeviceRGB 255 <00>]",
    b"/ColorSpace[/Separation/X/DeviceCMYK<</FunctionType 4/Domain[0 1]/Range[0 1 0 1 0 1 0 1]>>]",
    b"/SMask 13 0 R",
    b"/MediaBox[0 0 1e9 1]",
    b"/MediaBox[90 90 0 0]",
    b"/Rotate 45",
    b"/UserUnit 10000",
    b"/Encrypt<</Filter/Standard/V 1/R 2/O()/U()/P -1>>",
    b"BI /W 65535 /H 65535 /BPC 16 /CS /CMYK /F /RL ID",
    b"1e9 0 0 1e9 0 0 cm",
    b"0 0 0 0 0 0 cm",
    b"[0.0001 0.0001] 0 d",
    b"/Fx Do /Fx Do",
    b"<</FunctionType 3/Domain[0 1]/Functions[]/Bounds[]/Encode[]>>",
    b"<</FunctionType 0/Domain[0 1]/Range[0 1]/Size[2147483647]/BitsPerSample 32>>",
    b"{ dup mul exch 1 index pop 2 copy roll idiv }",
)
PDF_WORDS = (*_NAMES, *(b" " + operator + b" " for operator in _OPERATORS), *_FRAGMENTS)

_TOKEN = re.compile(rb"/[A-Za-z0-9*]+|\d+ \d+ R\b|[-+]?\d+(?:\.\d+)?|\b[A-Za-z]{1,9}\b\*?|<<|>>|\[|\]")
_REFERENCE = re.compile(rb"\d+ \d+ R\b")
_OBJECT = re.compile(rb"\d+ \d+ obj\b.*?endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_LONGEST_STREAM_BYTES = 1 << 20
"""Of an inflated stream: a mutant may be a bomb, the fuzzer need not be its victim."""


def change_token(content: bytes, dice: Random) -> bytes:
    """A token becomes another of its kind, or something else altogether."""
    token = _TOKEN.search(content, place(dice, len(content)))
    if token is None:
        return flip_bits(content, dice)
    old = token[0]
    if old.endswith(b" R"):
        new = b"%d 0 R" % dice.choice((0, 1, 2, 3, *range(10, 20), 99_999))
    elif old[:1] == b"/":
        new = dice.choice(_NAMES)
    elif old[-1:].isdigit():
        new = dice.choice(_NUMBERS)
    else:
        new = dice.choice(_OPERATORS)
    if dice.random() < 0.2:
        new = b" " + dice.choice(PDF_WORDS) + b" "
    # As long as it was, where there is room: the table of offsets stays right.
    if len(new) < len(old) and dice.random() < 0.7:
        new = new.ljust(len(old))
    return content[: token.start()] + new + content[token.end() :]


def swap_references(content: bytes, dice: Random) -> bytes:
    """Two references change places, or one is used twice: loops, and things of another type."""
    found = list(_REFERENCE.finditer(content))
    if len(found) < 2:
        return change_token(content, dice)
    one, other = sorted(dice.sample(found, k=2), key=lambda match: match.start())
    back = one[0] if dice.random() < 0.5 else other[0]
    return content[: one.start()] + other[0] + content[one.end() : other.start()] + back + content[other.end() :]


def change_objects(content: bytes, dice: Random) -> bytes:
    """An object left out, repeated under its number with a change, or given another's number."""
    found = list(_OBJECT.finditer(content))
    if not found:
        return change_token(content, dice)
    one, other = dice.choice(found), dice.choice(found)
    match dice.choice("odn"):
        case "o":
            return content[: one.start()] + content[one.end() :]
        case "d":
            again = dice.choice((*ANY, change_token))(one[0], dice)
            return content[: other.start()] + again + b"\n" + content[other.start() :]
        case _:
            head = other[0].split(b"obj")[0]
            return content[: one.start()] + head + one[0][one[0].index(b"obj") :] + content[one.end() :]


def change_inside_stream(content: bytes, dice: Random) -> bytes:
    """Bytes changed under the compression, so that they reach the decoder behind it."""
    found = list(_STREAM.finditer(content))
    if not found:
        return change_token(content, dice)
    stream = dice.choice(found)
    try:
        raw = zlib.decompressobj().decompress(stream[1], _LONGEST_STREAM_BYTES)
    except zlib.error:
        raw = b""
    change = dice.choice((*ANY, change_token, change_token))
    new = zlib.compress(change(raw, dice)) if raw else change(stream[1] or b"\0", dice)
    # PDFium looks for the end itself where the length is wrong; a shorter one is filled up, so that offsets stay right.
    new = new.ljust(len(stream[1]), b"\n")
    return content[: stream.start(1)] + new + content[stream.end(1) :]


PDF_CHANGES: tuple[Change, ...] = (
    change_token,
    change_token,
    swap_references,
    change_objects,
    change_inside_stream,
    change_inside_stream,
)
