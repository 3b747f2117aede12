"""Who issued the document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, Span, span
from postprocess_svc.fields.cells import Cell, column_above, column_below, find_cells
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.broken_names import Rest, rest_of_name
from postprocess_svc.fields.families.issuer_blocks import Place, place_of
from postprocess_svc.fields.families.issuer_evidence import Known, judge
from postprocess_svc.fields.families.issuer_readings import compared
from postprocess_svc.fields.families.item_rows import first_item_row
from postprocess_svc.fields.families.name_ends import has_desk
from postprocess_svc.fields.families.name_parts import is_person, is_title, is_titled_person
from postprocess_svc.fields.families.name_spans import has_form, name_span, name_text, name_value
from postprocess_svc.fields.families.naming import (
    SEPARATORS,
    is_contact,
    is_header,
    is_implausible,
    is_sender_line,
    labelled_names,
    type_size,
)
from postprocess_svc.fields.values import names
from postprocess_svc.fields.vocabulary import Role

_TOP_ROWS = 12
_HEADING = frozenset({Role.DATE, Role.ISSUE_DATE, Role.INVOICE_NUMBER})
_LARGE_TYPE = 1.4
_LARGER = 1.35
_OFFICE_HEAD = re.compile(
    r".{1,14}(?:[都道府県市区町村]|局)長 ?[\u3400-\u9fff々]{1,3} ?[\u3400-\u9fff々ぁ-んァ-ヶ]{1,5}"
)
"""The mayor or head of an office signs for it: 見本市長 …."""
_TITLE_BEHIND = re.compile(
    r"\s+(?:(?:tax|payment|sales|final|cash)\s+)*(?:invoice|receipt|rechnung|facture|factuur)$", re.IGNORECASE
)
_PERSON_IN_CHARGE = re.compile(
    r"(?:suivi par|votre (?:interlocuteur|contact)|ihre?[rn]? ansprechpartner(?:in)?|(?:sach)?bearbeiter|served by|"
    r"account manager|your contact|prepared by) ",
    re.IGNORECASE,
)
_PLACES = {Place.HEAD: "block_head", Place.OVER: "over_name", Place.UNDER: "under_name"}
_HEADS = (
    "block_head",
    "over_officer",
    "beside_contact",
    "office_head",
    "holder_part",
    "labelled_row",
    "labelled_below",
)
"""Evidence of a block of its own."""
_DOUBTS = ("implausible", "sentence", "same_as_recipient", "recipients_block", "short", "branch_alone")


class IssuerFamily(FieldFamily):
    """Proposes what looks like a firm anywhere, every name at the top, and what stands over an address or phone."""

    name = "issuer"
    kind = FieldKind.TEXT
    fields = (FieldName.ISSUER_NAME,)
    after = (FieldName.RECIPIENT_NAME, FieldName.REGISTRATION_NUMBER, FieldName.BANK_ACCOUNTS)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Candidates for the issuer's name; ``chosen`` tells the recipient, the registration number and the account."""
        return compared(list(_issuers(context, Known.of(context, chosen))))


FAMILY = IssuerFamily()


def _issuers(context: DocumentContext, known: Known) -> Iterator[Candidate]:
    first_items = context.shared(first_item_row)
    last_top = min(_TOP_ROWS, first_items, _first_header(context))
    first_number = _first_number_row(context)
    top_names = 0
    rests = set[tuple[int, int]]()
    for row in context.shared(find_cells):
        for position, cell in enumerate(row):
            if not cell.has_letters:
                continue
            top = cell.facts.row.number < last_top
            for owner, piece, own_features in _proposals(context, row, position, known, top=top):
                judged = judge(context, owner, piece, known)
                features = {**judged, **own_features}
                if (owner.facts.row.number, owner.start) in rests:
                    continue  # the second line of a name
                ends = piece.end >= owner.end - owner.text.endswith("・")
                rest = rest_of_name(context, owner, name_text(piece)) if ends else None
                if rest is not None:
                    rests.add((rest.cell.facts.row.number, rest.cell.start))
                    features |= judge(context, rest.cell, rest.piece, known) | {"company_form": 1.0}
                if top and judged["branch_alone"]:
                    top_names += 1  # what follows it is no logo any more
                elif top and not any(judged[name] > 0.5 for name in _DOUBTS):
                    top_names += 1
                    features["first_name" if _is_letter(context) else "top_line"] = float(top_names == 1)
                    features["second_line"] = float(top_names == 2)
                    features["larger_below"] = float(_is_smaller_than_next(context, owner))
                name = name_text(piece)
                if rest is None and names.is_japanese_form_alone(name):
                    continue  # 株式会社 and no more is nobody's name
                features["under_number"] = float(cell.facts.row.number > first_number)
                heads = any(features.get(name) for name in _HEADS)
                features["in_items"] = float(cell.facts.row.number >= first_items and not has_form(name) and not heads)
                if heads:
                    features["in_address"] = 0.0
                if heads and features["recipients_block"] and not _continues(context, cell):
                    features["recipients_block"] = 0.0
                yield _candidate(piece, rest, features)


def _is_letter(context: DocumentContext) -> bool:
    """A Japanese invoice, whose first line that may be a name is a heading as often as not."""
    return context.language is Language.JAPANESE and context.document_type is DocumentType.INVOICE


def _continues(context: DocumentContext, cell: Cell) -> bool:
    """No empty line stands above it."""
    return bool(column_above(context, cell, limit=1, max_gap=1.0))


def _candidate(piece: Span, rest: Rest | None, features: dict[str, float]) -> Candidate:
    if rest is None:
        return Candidate(value=name_value(piece), evidence=(piece,), features=features)
    value = names.mended(f"{name_value(piece)}{rest.joint}{name_value(rest.piece)}")
    return Candidate(value=value, evidence=(piece, rest.piece), features=features)


def _proposals(
    context: DocumentContext, row: list[Cell], position: int, known: Known, *, top: bool
) -> Iterator[tuple[Cell, Span, dict[str, float]]]:
    """Names that a label calls the issuer, and the cell itself: any at the top, elsewhere what looks like a firm."""
    cell = row[position]
    for (owner, piece), relation, _ in labelled_names(context, row, position, Role.ISSUER):
        yield owner, piece, {f"labelled_{relation}": 1.0}
    text = cell.text
    sender = is_sender_line(text)
    place = place_of(context, cell)
    features = {_PLACES[place]: 1.0} if place is not None else {}
    if place is not Place.HEAD and _is_beside_contact(context, row, position):
        features["beside_contact"] = 1.0
    if _is_over_officer(context, cell):
        features["over_officer"] = 1.0
    if _OFFICE_HEAD.fullmatch(text) is not None:
        features["office_head"] = 1.0
    if not (top or features or sender or _is_outstanding(context, cell) or known.is_paid(text)):
        return
    if not text.isascii() and place is not Place.HEAD and _is_officers(row, position):
        return
    if _is_labelled_otherwise(cell) or (not text.isascii() and names.HONORIFIC.search(text)):
        return
    if sender:
        cut = SEPARATORS.search(text)
        # No town before its postcode: Bengaluru - 560058.
        name = "" if cut is None else text[: cut.start()]
        is_place = any(map(str.isdigit, name)) and not has_form(name)
        if cut is not None and len(name) > 2 and not is_place and not text[cut.end() : cut.end() + 3].isdigit():
            own = {"sender_line": 1.0, "sentence": 0.0}
            yield cell, span(cell.facts, cell.start, cell.start + len(name)), own
        return
    whole = name_span(cell, end=_before_title(context, cell) if top else None)
    if (
        whole is not None
        and not is_implausible(context, cell, whole)
        and (has_form(text) or ":" not in text[: whole.start - cell.start])
    ):
        yield cell, whole, features


def _is_beside_contact(context: DocumentContext, row: list[Cell], position: int) -> bool:
    """What stands right of it in its row is the address or phone, as in a foot of columns."""
    if context.language is not Language.JAPANESE or position + 1 >= len(row) or is_contact(context, row[position]):
        return False
    cell = row[position]
    labelled = any(cell.start <= label.start < cell.end for label in cell.facts.labels)
    return is_contact(context, row[position + 1]) and not labelled


def _is_over_officer(context: DocumentContext, cell: Cell) -> bool:
    """The line below says who runs it: 代表取締役 …, 院長 …; whose officer that is stands above."""
    if context.language is not Language.JAPANESE or is_contact(context, cell):
        return False
    rows = context.shared(_officer_rows)
    if not any(number in rows for number in range(cell.facts.row.number + 1, cell.facts.row.number + 3)):
        return False
    below = column_below(context, cell, limit=1, max_gap=1.0)
    return bool(below) and _is_officer(below[0].text)


def _officer_rows(context: DocumentContext) -> frozenset[int]:
    """Numbers of the rows that name an officer: few, and asked for before the column below each cell."""
    rows = context.shared(find_cells)
    return frozenset(number for number, row in enumerate(rows) if any(_is_officer(cell.text) for cell in row))


def _is_officer(text: str) -> bool:
    return is_titled_person(text) or is_title(text.replace(" ", ""))


def _is_officers(row: list[Cell], position: int) -> bool:
    """An officer: title and name in one cell, or the one beside the other: 理 事 長  見 本 太 郎."""
    if _is_officer(row[position].text):
        return True
    return position > 0 and is_title(row[position - 1].text.replace(" ", "")) and is_person(row[position])


def _is_outstanding(context: DocumentContext, cell: Cell) -> bool:
    """A firm by its form, a shop by its trade, or type of a logo's size."""
    if has_form(cell.text) or has_desk(cell.text) or type_size(cell) > _LARGE_TYPE * cell.facts.page.text_height:
        return True
    return context.document_type is DocumentType.RECEIPT and names.has_trade_word(cell.text)


def _before_title(context: DocumentContext, cell: Cell) -> int | None:
    """Where a name ends that the title follows (OYO PAYMENT RECEIPT), if the document names it elsewhere too."""
    match = _TITLE_BEHIND.search(cell.text)
    if match is None or context.ends.count(cell.text[: match.start()]) < 2:
        return None
    return cell.start + match.start()


def _is_smaller_than_next(context: DocumentContext, cell: Cell) -> bool:
    """A line of ordinary type over a logo: a trade or a motto (製麺所 over 花見川製麺)."""
    rows = context.shared(find_cells)
    own, large = cell.facts.row.number, _LARGER * type_size(cell)
    for number in range(own, min(own + 4, len(rows))):
        for other in rows[number]:
            if type_size(other) > large and other.facts.row.page == cell.facts.row.page:
                piece = name_span(other)
                if piece is not None and not is_implausible(context, other, piece):
                    return True
    return False


def _is_labelled_otherwise(cell: Cell) -> bool:
    """A label says whose or what name it is, and it is not the issuer's: Cashier: Ann, Bill to Acme."""
    if _PERSON_IN_CHARGE.match(cell.text) is not None:
        return True
    label = next((label for label in cell.facts.labels if cell.start <= label.start <= cell.start + 1), None)
    if label is None or Role.ISSUER in label.roles:
        return False
    rest = cell.facts.row.text[label.end : cell.end]
    return rest.startswith(":") or (Role.RECIPIENT in label.roles and rest[:1] == " " and len(label.wording) > 4)


def _first_header(context: DocumentContext) -> int:
    """Number of the first row that is the header of a table: below it stand goods."""
    rows = context.shared(find_cells)
    return next((number for number, row in enumerate(rows) if row and is_header(row[0])), len(rows))


def _first_number_row(context: DocumentContext) -> int:
    """Of a Western receipt, the first row that gives its number or date: what names a firm below it is a customer."""
    if context.language is not Language.JAPANESE and context.document_type is DocumentType.RECEIPT:
        for facts in context.facts:
            if any(label.roles & _HEADING for label in facts.labels) and any(map(str.isdigit, facts.row.text)):
                return facts.row.number
    return len(context.facts)
