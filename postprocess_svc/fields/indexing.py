"""How a page becomes rows: lines that stand level, from left to right, folded, with the way back to each character."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.page_index import JOINED_MARKS, Extent, PageIndex, Piece, Row
from postprocess_svc.fields.values.folding import fold, fold_character, is_cjk
from postprocess_svc.lines import PageLines, TextLine

# Distances in line heights. Characters of one word stand at most one height apart, also when letters are spaced out
# (請　求　書); the columns of a form stand further.
_TAB_GAP = 1.0
_INNER_TAB_GAP = 3.0
# No recogniser gives a longer line; a text layer may, and what follows is neither label nor value.
_MAX_LINE_CHARACTERS = 1000
# Pieces share a row where their centres differ by less than this share of the lower piece's height.
_ROW_TOLERANCE = 0.5
# No document has rows of so many; where thousands of specks stand level, each would be held against all others.
_MAX_PIECES = 200

_VOICED = re.compile(f"[{JOINED_MARKS}]")


def index_page(page: PageLines, *, first_row: int = 0) -> PageIndex:
    """Arrange what is printed on a page into rows; ``first_row`` is the number of its first row in the document."""
    slope = math.tan(math.radians(page.skew_deg))
    placed = [_place(line, slope) for line in page.printed if line.text.strip()]
    placed.sort(key=_centres)
    rows = [
        _make_row(members, page=page.number, number=first_row + number) for number, members in enumerate(_rows(placed))
    ]
    return PageIndex(number=page.number, width_px=page.width_px, height_px=page.height_px, rows=tuple(rows))


@value
class _Placed:
    line: TextLine
    extent: Extent
    vertical: bool


def _centres(item: _Placed) -> float:
    return item.extent.top + item.extent.bottom


def _place(line: TextLine, slope: float) -> _Placed:
    """The line's box with the skew taken out: a tilted line is not taller than a level one."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = line.quad
    left, right = min(x0, x1, x2, x3), max(x0, x1, x2, x3)
    if _is_vertical(line, height=max(y0, y1, y2, y3) - min(y0, y1, y2, y3), width=right - left):
        ys = [y - x * slope for x, y in line.quad]
        return _Placed(line=line, extent=Extent(left=left, right=right, top=min(ys), bottom=max(ys)), vertical=True)
    top = (y0 + y1) / 2 - slope * (x0 + x1) / 2
    bottom = (y2 + y3) / 2 - slope * (x2 + x3) / 2
    if bottom < top:
        top, bottom = bottom, top
    return _Placed(line=line, extent=Extent(left=left, right=right, top=top, bottom=bottom), vertical=False)


def _is_vertical(line: TextLine, *, height: float, width: float) -> bool:
    """Set in a column, or turned by a quarter: its height says nothing of the size of its type."""
    if line.vertical or len(line.text) <= 2:
        return line.vertical
    return height > 1.8 * width


@dataclass(slots=True)
class _Gathering:
    """A row while its members are found."""

    members: list[_Placed]
    centres: float
    """Sum of top and bottom over the members."""
    lowest: float
    """The least height among them."""

    def takes(self, item: _Placed, centres: float, height: float) -> bool:
        """Whether an item is level with the row and stands free of its members."""
        count = len(self.members)
        lowest = min(self.lowest, height)
        if abs(centres / 2 - self.centres / (2 * count)) >= _ROW_TOLERANCE * lowest or count == _MAX_PIECES:
            return False
        if item.vertical or self.members[0].vertical:
            return False
        return all(item.extent.overlap_x(other.extent) < 0.5 * lowest for other in self.members)

    def add(self, item: _Placed, centres: float, height: float) -> None:
        """Take it."""
        self.members.append(item)
        self.centres += centres
        self.lowest = min(self.lowest, height)


def _rows(placed: list[_Placed]) -> list[list[_Placed]]:
    """Group lines (sorted by their centres) whose centres are level; members from left to right."""
    rows: list[_Gathering] = []
    for item in placed:
        centres, height = _centres(item), item.extent.height
        for row in reversed(rows[-3:]):
            if row.takes(item, centres, height):
                row.add(item, centres, height)
                break
        else:
            rows.append(_Gathering([item], centres, height))
    return [sorted(row.members, key=_left) if len(row.members) > 1 else row.members for row in rows]


def _left(item: _Placed) -> float:
    return item.extent.left


def _make_row(members: list[_Placed], *, page: int, number: int) -> Row:
    text: list[str] = []
    origins: list[int] = []
    pieces: list[Piece] = []
    previous: Extent | None = None
    for position, item in enumerate(members):
        extent = item.extent
        piece_text, piece_origins = _fold_line(item.line, position, vertical=item.vertical)
        if previous is not None:
            text.append(
                _joint(text, piece_text, gap=extent.left - previous.right, height=min(extent.height, previous.height))
            )
            origins.append(-1)
        start = len(text)
        text.extend(piece_text)
        origins.extend(piece_origins)
        pieces.append(Piece(line=item.line, extent=extent, vertical=item.vertical, start=start, end=len(text)))
        previous = extent
    return Row(
        page=page,
        number=number,
        pieces=tuple(pieces),
        text="".join(text),
        origins=tuple(origins),
        top=min([piece.extent.top for piece in pieces]),
        bottom=max([piece.extent.bottom for piece in pieces]),
    )


def _joint(left: list[str], right: list[str], *, gap: float, height: float) -> str:
    """A tab between columns; a space between near pieces and between spaced-out single characters."""
    if gap < _TAB_GAP * height:
        return " "
    single = (
        len(right) == 1 and (len(left) == 1 or left[-2:-1] in (["\t"], [" "])) and is_cjk(right[0]) and is_cjk(left[-1])
    )
    return " " if single and gap < 8 * height else "\t"


def _fold_line(line: TextLine, position: int, *, vertical: bool) -> tuple[list[str], list[int]]:
    """A line's folded characters with their origins; a wide empty space inside it becomes a tab."""
    text: list[str] = []
    origins: list[int] = []
    base = position << 16
    tabs = frozenset() if vertical else _inner_tabs(line)
    if not tabs:
        # Most lines fold one character to one.
        folded = fold(line.text[:_MAX_LINE_CHARACTERS])
        one_to_one = len(folded) == min(len(line.text), _MAX_LINE_CHARACTERS)
        if one_to_one and (folded.isascii() or _VOICED.search(folded) is None):
            return list(folded), list(range(base, base + len(folded)))
    for index, character in enumerate(line.text[:_MAX_LINE_CHARACTERS]):
        if index in tabs:
            if text and text[-1] == " ":
                text[-1], origins[-1] = "\t", -1
            else:
                text.append("\t")
                origins.append(-1)
        for part in fold(character):
            if part in JOINED_MARKS and text:
                # A voiced mark of its own (half-width kana) joins the character before it.
                text[-1] = fold_character(text[-1] + ("\u3099" if part in "\uff9e\u3099" else "\u309a"))[:1]
                continue
            text.append(part)
            origins.append(base | index)
    return text, origins


def _inner_tabs(line: TextLine) -> frozenset[int]:
    """Characters before which a line is empty for more than ``_INNER_TAB_GAP`` heights."""
    count = len(line.text)
    if len(line.positions) != count or count < 3:
        return frozenset()
    p0, p1, _, p3 = line.quad
    limit = (_INNER_TAB_GAP + 0.8) * math.dist(p0, p3) / max(1.0, math.dist(p0, p1))
    positions = line.positions
    if limit > 1.0 or max(map(operator.sub, positions[1:], positions)) <= limit:
        return frozenset()
    tabs = set()
    last = 0
    for index in range(1, count):
        if line.text[index].isspace():
            continue
        lonely = is_cjk(line.text[last]) and is_cjk(line.text[index])
        if line.positions[index] - line.positions[last] > limit * (2.0 if lonely else 1.0):
            tabs.add(index)
        last = index
    return frozenset(tabs)
