"""The fonts of the invisible text: a glyph for each character and width that occurs.

Readers mark, copy and search by a character's box, which is as wide as its glyph. Print is not: the same kana takes a
full square in one line and less in another. So a character has a glyph for each width that it was printed in, in
twentieths of its line's type size; all of them stand for the same text (ToUnicode).
"""

from __future__ import annotations

from typing import NamedTuple

from preprocess_svc.searchable_pdf.font_program import (
    ASCENT,
    DESCENT,
    MAX_GLYPHS,
    MAX_WIDTH,
    UNITS_PER_EM,
    invisible_glyphs,
)
from preprocess_svc.searchable_pdf.pdf_file import PdfFile, utf_16_hex

STEPS_PER_EM = 20
"""Widths are rounded to a twentieth of the line's height: 2 px of a line 40 px high, and errors do not add up."""
STEP = UNITS_PER_EM // STEPS_PER_EM
MAX_STEPS = MAX_WIDTH // STEP

_NAME = "YomitoriInvisible"
_SYMBOLIC = 4
_MAPPINGS_PER_BLOCK = 100
"""Adobe Technical Note 5014: a block of a CMap has at most so many."""


class Glyph(NamedTuple):
    """A character as it is written in one place."""

    font: str
    """By its name among the page's resources."""
    code: str
    """Four hexadecimal digits."""


class InvisibleFonts:
    """All fonts of a document: of characters in lines, and of characters in columns."""

    def __init__(self) -> None:
        self._in_lines = _Family("H", in_columns=False)
        self._in_columns = _Family("V", in_columns=True)

    def glyph(self, character: str, steps: int, *, in_column: bool) -> Glyph:
        """The glyph of a character that takes ``steps`` twentieths of an em in reading direction."""
        return (self._in_columns if in_column else self._in_lines).glyph(character, steps)

    def number(self, font: str, file: PdfFile) -> int:
        """The object that a font's name stands for; it is written by ``write``."""
        family = self._in_columns if font.startswith("V") else self._in_lines
        return family.number(font, file)

    def write(self, file: PdfFile) -> None:
        """Write every font that has been referred to."""
        self._in_lines.write(file)
        self._in_columns.write(file)


class _Family:
    """Fonts of one writing direction; a new one is begun when the last has no more room."""

    def __init__(self, letter: str, *, in_columns: bool) -> None:
        self._letter = letter
        self._in_columns = in_columns
        self._glyphs: dict[tuple[str, int], Glyph] = {}
        self._members: list[list[tuple[str, int]]] = []
        """Of each font the characters and steps, from code 1 on."""
        self._numbers: dict[str, int] = {}

    def glyph(self, character: str, steps: int) -> Glyph:
        found = self._glyphs.get((character, steps))
        if found is None:
            if not self._members or len(self._members[-1]) == MAX_GLYPHS - 1:
                self._members.append([])
            members = self._members[-1]
            members.append((character, steps))
            found = Glyph(f"{self._letter}{len(self._members)}", f"{len(members):04X}")
            self._glyphs[character, steps] = found
        return found

    def number(self, font: str, file: PdfFile) -> int:
        if font not in self._numbers:
            self._numbers[font] = file.reserve()
        return self._numbers[font]

    def write(self, file: PdfFile) -> None:
        for font, number in self._numbers.items():
            members = self._members[int(font[1:]) - 1]
            _write_font(file, number, name=f"{_NAME}{font}", members=members, in_columns=self._in_columns)


def _write_font(file: PdfFile, number: int, *, name: str, members: list[tuple[str, int]], in_columns: bool) -> None:
    heights = [steps * STEP for _, steps in members]
    widths = [UNITS_PER_EM] * len(members) if in_columns else heights
    program = invisible_glyphs([UNITS_PER_EM, *widths])
    program_number = file.add_stream(f"/Length1 {len(program)}", program)
    box = f"0 {DESCENT} {max([UNITS_PER_EM, *widths])} {ASCENT}"
    descriptor = file.add(
        f"<</Type/FontDescriptor/FontName/{name}/Flags {_SYMBOLIC}/FontBBox[{box}]/ItalicAngle 0"
        f"/Ascent {ASCENT}/Descent {DESCENT}/CapHeight {ASCENT}/StemV 80/FontFile2 {program_number} 0 R>>"
    )
    # In a column the pen stands at the middle of the upper edge of the height that a character takes, and the em square
    # is centred in it (9.7.4.3).
    metrics = (
        f"/DW2[{UNITS_PER_EM} {-UNITS_PER_EM}]/W2[1["
        + " ".join(f"{-height} {UNITS_PER_EM // 2} {(ASCENT + DESCENT + height) // 2}" for height in heights)
        + "]]"
        if in_columns
        else f"/W[1[{' '.join(map(str, widths))}]]"
    )
    descendant = file.add(
        f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
        f"/FontDescriptor {descriptor} 0 R/DW {UNITS_PER_EM}{metrics}/CIDToGIDMap/Identity>>"
    )
    to_unicode = file.add_stream("", _to_unicode([character for character, _ in members]).encode("ascii"))
    encoding = "Identity-V" if in_columns else "Identity-H"
    file.add(
        f"<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/{encoding}/DescendantFonts[{descendant} 0 R]"
        f"/ToUnicode {to_unicode} 0 R>>",
        number=number,
    )


def _to_unicode(characters: list[str]) -> str:
    """What the codes from 1 on stand for (9.10.3)."""
    head = (
        "/CIDInit/ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n"
        "/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n"
    )
    parts = [head]
    for start in range(0, len(characters), _MAPPINGS_PER_BLOCK):
        block = characters[start : start + _MAPPINGS_PER_BLOCK]
        parts.append(f"{len(block)} beginbfchar\n")
        parts += [f"<{code:04X}><{utf_16_hex(character)}>\n" for code, character in enumerate(block, start + 1)]
        parts.append("endbfchar\n")
    parts.append("endcmap\nCMapName currentdict/CMap defineresource pop\nend\nend\n")
    return "".join(parts)
