"""Where a Japanese page says whose it is: the lines over an address, a phone or a registration number."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from postprocess_svc.fields.cells import Cell, column_below, find_cells, is_aligned
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.name_parts import is_agent, is_person, is_titled_person
from postprocess_svc.fields.families.name_spans import has_form, name_span, name_text
from postprocess_svc.fields.families.naming import is_contact, is_implausible, type_size
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_cjk
from postprocess_svc.fields.values.shop_kinds import is_kind_of_shop

_MOST_LINES = 4
_GAP = 1.05
"""Line heights between the lines of a block."""
_FORM, _TRADE, _LARGE, _LOGO, _OFFICER_BELOW = 4.0, 2.0, 1.5, 2.5, 1.0
_TITLED, _UNIT, _PERSON, _MOTTO, _LATIN = -5.0, -3.0, -1.5, -1.0, -1.5
_NEAREST = 0.5
_WINDOW_GAP = 2.3
_BESIDE = 2.5
_WITHIN = 0.7
_LARGER = 1.25
_LOGOS = 1.8
"""Type so many times as large as the smallest of the block is a logo's."""
_LEAST_BETWEEN = 1.0
"""What speaks for a name between two lines of an address, where any other line is a part of it."""


class Place(Enum):
    """What a line is in its block."""

    HEAD = auto()
    """Whose block it is."""
    OVER = auto()
    """A motto, a trade or a logo over it."""
    UNDER = auto()
    """A department, a branch or a person under it."""


Places = dict[tuple[int, int], Place]
"""By the cell's row and start."""


def place_of(context: DocumentContext, cell: Cell) -> Place | None:
    """What a cell is in a block that ends in an address or phone; None where it stands in none."""
    return context.shared(_places).get((cell.facts.row.number, cell.start))


def _places(context: DocumentContext) -> Places:
    found: Places = {}
    if context.language is not Language.JAPANESE:
        return found
    for row in context.shared(find_cells):
        for cell in row:
            if is_contact(context, cell):
                for line, place in _block(context, cell):
                    found.setdefault((line.facts.row.number, line.start), place)
    return found


def _block(context: DocumentContext, contact: Cell) -> Iterator[tuple[Cell, Place]]:
    """The lines right over a contact, each with what it is."""
    lines: list[Cell] = []
    between = False
    for cell in _lines_over(context, contact):
        if len(lines) == _MOST_LINES:
            break
        if is_contact(context, cell):
            between = True
            break
        if not _may_be_name(context, cell):
            break
        lines.append(cell)
    if not lines:
        return
    smallest = min(type_size(cell) for cell in lines)
    worth = [
        _worth(cell, smallest)
        + (_NEAREST if number == 0 else 0.0)
        + (_OFFICER_BELOW if number and is_titled_person(lines[number - 1].text) else 0.0)
        for number, cell in enumerate(lines)
    ]
    head = max(range(len(lines)), key=worth.__getitem__)
    if worth[head] < _TRADE and _is_addressed(context, contact):
        return
    if worth[head] <= _UNIT or (between and worth[head] < _LEAST_BETWEEN):
        return
    for number, cell in enumerate(lines):
        yield cell, Place.HEAD if number == head else Place.OVER if number > head else Place.UNDER


def _lines_over(context: DocumentContext, contact: Cell) -> Iterator[Cell]:
    """The lines above, nearest first: aligned, or one within the other, as names are set in the middle or indented."""
    rows = context.shared(find_cells)
    current = contact
    for number in range(contact.facts.row.number - 1, max(-1, contact.facts.row.number - 2 * _MOST_LINES), -1):
        row = rows[number]
        if row and row[0].facts.row.page != contact.facts.row.page:
            return
        extent = current.extent
        over = next((cell for cell in row if is_aligned(cell.extent, extent)), None)
        over = over or next((cell for cell in row if _overlaps(cell, current)), None)
        if over is None:
            if row and extent.top - row[0].extent.bottom > _GAP * extent.height:
                return
            continue
        if extent.top - over.extent.bottom > _GAP * min(extent.height, over.extent.height):
            return
        current = _logo_beside(row, over)
        yield current


def _logo_beside(row: list[Cell], cell: Cell) -> Cell:
    """The name in larger type that a trade stands before in one line: 軽貨物運送 みなみ急便."""
    following = next((other for other in row if other.start > cell.start), None)
    if following is None or following.extent.left - cell.extent.right > _BESIDE * cell.extent.height:
        return cell
    return following if type_size(following) > _LARGER * type_size(cell) else cell


def _is_addressed(context: DocumentContext, contact: Cell) -> bool:
    """The address is the recipient's: 御中 or 様 below it, as in a letter's window."""
    below = column_below(context, contact, limit=_MOST_LINES, max_gap=_WINDOW_GAP)
    return any(not cell.text.isascii() and names.HONORIFIC.search(cell.text) for cell in below)


def _overlaps(first: Cell, second: Cell) -> bool:
    return first.extent.overlap_x(second.extent) > _WITHIN * min(first.extent.width, second.extent.width)


def _may_be_name(context: DocumentContext, cell: Cell) -> bool:
    """A line of words that is no title, label, sentence or sum, and addresses nobody."""
    text = cell.text
    if not cell.has_letters or ":" in text or names.is_phrase(text):
        return False
    if not text.isascii() and names.HONORIFIC.search(text) is not None:
        return False
    row = context.shared(find_cells)[cell.facts.row.number]
    following = next((other for other in row if other.start > cell.start), None)
    if following is not None and not names.has_letters(following.text.replace("円", "")):
        return False
    piece = name_span(cell)
    return piece is not None and not is_implausible(context, cell, piece)


def _worth(cell: Cell, smallest: float) -> float:
    piece = name_span(cell)
    name = names.mended(cell.text if piece is None else name_text(piece))
    if is_titled_person(cell.text) or is_agent(cell):
        return _TITLED
    points = _FORM if has_form(name) and has_cjk(name) else 0.0
    if not points and (names.is_branch(name) or (names.DEPARTMENT.search(name) and not names.has_trade_word(name))):
        points += _UNIT
    if is_kind_of_shop(name):
        points += _UNIT
    points += _TRADE if names.has_trade_word(name) else 0.0
    is_large = type_size(cell) > _LARGER * smallest
    points += _LOGO if type_size(cell) > _LOGOS * smallest else _LARGE if is_large else 0.0
    if is_person(cell) and not is_large:  # in large type it is a shop that looks like a person's name: 麦香しろね
        points += _PERSON
    if name.count("・") > 1 or "、" in name:
        points += _MOTTO
    if not has_cjk(name):
        points += _LATIN
    return points
