"""Who issued the document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import (
    BankDetails,
    Candidate,
    Chosen,
    FieldFamily,
    FieldKind,
    FieldName,
    Span,
    span,
)
from postprocess_svc.fields.cells import Cell, column_above, column_below, find_cells, near_rows
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.naming import (
    SEPARATORS,
    has_form,
    is_contact,
    is_implausible,
    is_sender_line,
    labelled_names,
    name_span,
    name_text,
    name_value,
)
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_cjk
from postprocess_svc.fields.vocabulary import Role

_DOMAIN = re.compile(r"(?:www\.|@|//)([a-z0-9][a-z0-9-]{2,})\.", re.IGNORECASE)
_FREE_MAIL = frozenset(
    {"gmail", "yahoo", "hotmail", "outlook", "icloud", "gmx", "web", "tonline", "example", "facebook", "localhost"}
)
_BANK_NAME = re.compile(r"銀行$|信用金庫$|信用組合$|農業協同組合$")
_BRANCH_ALONE = re.compile(r"[^\s]{1,4}店")
"""東口店: which shop of a chain; whose, a logo may say."""
_TOP_ROWS = 12
_HEADING = frozenset({Role.DATE, Role.ISSUE_DATE, Role.INVOICE_NUMBER})
_NEAR_REGISTRATION_ROWS = 6
_TRADE_WORD = 0.45
_SHORT_NAME = 3
_LARGE_TYPE = 1.6


class IssuerFamily(FieldFamily):
    """Proposes what looks like a firm anywhere, and every name at the top."""

    name = "issuer"
    kind = FieldKind.TEXT
    fields = (FieldName.ISSUER_NAME,)
    after = (FieldName.RECIPIENT_NAME, FieldName.REGISTRATION_NUMBER, FieldName.BANK_ACCOUNTS)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Candidates for the issuer's name; ``chosen`` tells the recipient, the registration number and the account."""
        return list(_issuers(context, chosen))


FAMILY = IssuerFamily()


def _issuers(context: DocumentContext, chosen: Chosen) -> Iterator[Candidate]:
    domains = {match[1].lower().replace("-", "") for match in _DOMAIN.finditer(context.text)} - _FREE_MAIL
    first_items = _first_item_row(context)
    first_number = _first_number_row(context)
    top_names = 0
    for row in context.shared(find_cells):
        for position, cell in enumerate(row):
            if not names.has_letters(cell.text):
                continue
            top = cell.facts.row.number < min(_TOP_ROWS, first_items)
            for owner, piece, own_features in _proposals(context, row, position, top=top):
                judged = _judge(context, owner, piece, domains, chosen)
                features = {**judged, **own_features}
                believable = not any(
                    judged[name] > 0.5
                    for name in ("implausible", "sentence", "same_as_recipient", "recipients_block", "short")
                )
                if top and believable:
                    top_names += 1
                    features["top_line"] = float(top_names == 1)
                    features["second_line"] = float(top_names == 2)
                name = name_text(piece)
                features["under_number"] = float(cell.facts.row.number > first_number)
                features["in_items"] = float(cell.facts.row.number >= first_items and not has_form(name))
                yield Candidate(value=name_value(piece), evidence=(piece,), features=features)
            joined = _joined(context, cell, domains, chosen) if top else None
            if joined is not None:
                yield joined


def _proposals(
    context: DocumentContext, row: list[Cell], position: int, *, top: bool
) -> Iterator[tuple[Cell, Span, dict[str, float]]]:
    """Names that a label calls the issuer, and the cell itself: any at the top, elsewhere what looks like a firm."""
    cell = row[position]
    for (owner, piece), relation, _ in labelled_names(context, row, position, Role.ISSUER):
        yield owner, piece, {f"labelled_{relation}": 1.0}
    text = cell.text
    firm = has_form(text) or (context.document_type is DocumentType.RECEIPT and names.has_trade_word(text))
    large = cell.extent.height > _LARGE_TYPE * cell.facts.page.text_height
    if not (top or firm or large or is_sender_line(text)):
        return
    if names.HONORIFIC.search(text) or _is_labelled_otherwise(cell):
        return
    if is_sender_line(text):
        cut = SEPARATORS.search(text)
        if cut is not None and cut.start() > 2:
            yield cell, span(cell.facts, cell.start, cell.start + cut.start()), {"sender_line": 1.0}
        return
    whole = name_span(cell)
    if whole is not None and not is_implausible(cell, whole):
        yield cell, whole, {}


def _joined(context: DocumentContext, cell: Cell, domains: set[str], chosen: Chosen) -> Candidate | None:
    """A name over two lines, the second of which brings the legal form."""
    below = column_below(context, cell, limit=1, max_gap=0.9)
    first = name_span(cell)
    if not below or first is None or has_form(cell.text) or not names.has_latin_form("- " + below[0].text):
        return None
    other = below[0]
    alike = 0.8 < cell.extent.height / max(1.0, other.extent.height) < 1.25
    if not (names.is_form_alone(other.text) or (alike and other.text.isupper() and cell.text.isupper())):
        return None
    if any(names.is_address(text) or names.is_phrase(text) for text in (cell.text, other.text)):
        return None
    second = name_span(other)
    if second is None or is_implausible(cell, first):
        return None
    features = {**_judge(context, other, second, domains, chosen), "company_form": 1.0, "top_line": 1.2}
    return Candidate(value=f"{name_value(first)} {name_value(second)}", evidence=(first, second), features=features)


def _judge(context: DocumentContext, cell: Cell, piece: Span, domains: set[str], chosen: Chosen) -> dict[str, float]:
    name = name_text(piece)
    own = names.comparable(name)
    page, extent = cell.facts.page, cell.extent
    japanese = context.language is Language.JAPANESE
    below = [other for other in near_rows(context, cell, below=5) if other.extent.top >= extent.top]
    above = column_above(context, cell, limit=1, max_gap=1.0)
    latin = not has_cjk(name)
    return {
        "company_form": 1.0 if has_form(name) else (_TRADE_WORD if names.has_trade_word(name) else 0.0),
        "near_contact": float(any(is_contact(other) for other in below)),
        "near_registration": float(_near_registration(cell, chosen)),
        "large_type": min(1.0, max(0.0, extent.height / page.text_height - 1.0))
        if not cell.facts.row.vertical
        else 0.0,
        "upper_half": float(page.depth(extent) < 0.5),
        "bottom": float(page.depth(extent) > 0.8),
        "right_half": float(japanese and context.document_type is DocumentType.INVOICE and page.side(extent) > 0.5),
        "same_as_recipient": _is_recipient(own, chosen),
        "recipients_block": float(_in_recipients_block(cell, chosen)),
        "bank": float(
            _BANK_NAME.search(name) is not None
            or any(Role.BANK in label.roles and label.start <= piece.start for label in cell.facts.labels)
        ),
        "account_holder": float(_is_account_holder(own, chosen)),
        "web_name": float(any(_names_domain(own, domain) for domain in domains)),
        "sentence": float(names.is_phrase(cell.text)),
        "implausible": float(is_implausible(cell, piece)),
        "repeated": float(context.text.count(name) > 1),
        "short": float(latin and sum(map(str.isalpha, name)) <= _SHORT_NAME),
        "latin_among_japanese": float(japanese and latin),
        "store_branch": float(
            japanese
            and name.endswith(("店", "支店", "営業所"))
            and not has_form(name)
            and any(_may_be_name(other) for other in above)
        ),
        "branch_alone": float(_BRANCH_ALONE.fullmatch(name) is not None),
        "in_address": float(_is_in_address(context, cell, name, above)),
        "comma": float(cell.text.endswith(",")),
    }


def _may_be_name(cell: Cell) -> bool:
    piece = name_span(cell)
    return piece is not None and not is_implausible(cell, piece)


def _is_labelled_otherwise(cell: Cell) -> bool:
    """A label and a colon say whose or what name it is, and it is not the issuer's (Cashier: Ann)."""
    own = [label for label in cell.facts.labels if cell.start <= label.start <= cell.start + 1]
    return bool(own) and Role.ISSUER not in own[0].roles and cell.facts.row.text[own[0].end : cell.end].startswith(":")


def _is_in_address(context: DocumentContext, cell: Cell, name: str, above: list[Cell]) -> bool:
    """A line between others of an address, such as a street without a word that says so."""
    if not above or has_form(name):
        return False
    if is_contact(above[0]):
        return True
    below = column_below(context, cell, limit=1, max_gap=1.0)
    return bool(below) and any(map(str.isdigit, name)) and names.POSTCODE_TOWN.search(below[0].text) is not None


def _first_item_row(context: DocumentContext) -> int:
    """Number of the first row of the first page with an amount: above it stands who issues the document.

    A number above all words (a queue's or a file's, written or stamped on top) is the price of nothing.
    """
    has_words = False
    for facts in context.facts:
        has_words = has_words or any(map(str.isalpha, facts.row.text))
        if has_words and any(amount.currency or amount.decimals == 2 or amount.grouped for amount in facts.amounts):
            return facts.row.number
    return len(context.facts)


def _first_number_row(context: DocumentContext) -> int:
    """Of a Western receipt, the first row that gives its number or date: what names a firm below it is a customer."""
    if context.language is not Language.JAPANESE and context.document_type is DocumentType.RECEIPT:
        for facts in context.facts:
            if any(label.roles & _HEADING for label in facts.labels) and any(map(str.isdigit, facts.row.text)):
                return facts.row.number
    return len(context.facts)


def _near_registration(cell: Cell, chosen: Chosen) -> bool:
    choice = chosen.get(FieldName.REGISTRATION_NUMBER)
    if choice is None:
        return False
    number = choice.candidate.evidence[0]
    if (
        number.row.page != cell.facts.row.page
        or abs(number.row.number - cell.facts.row.number) > _NEAR_REGISTRATION_ROWS
    ):
        return False
    return number.row.extent(number.start, number.end).overlap_x(cell.extent) > -2 * cell.extent.height


def _is_recipient(own: str, chosen: Chosen) -> float:
    """How sure it is that the name is the recipient's."""
    choice = chosen.get(FieldName.RECIPIENT_NAME)
    if choice is None:
        return 0.0
    other = names.comparable(str(choice.candidate.value))
    return choice.confidence if own == other or own in other or other in own else 0.0


def _in_recipients_block(cell: Cell, chosen: Chosen) -> bool:
    choice = chosen.get(FieldName.RECIPIENT_NAME)
    if choice is None or choice.confidence < 0.5:
        return False
    piece = choice.candidate.evidence[0]
    below = cell.facts.row.number - piece.row.number
    extent = piece.row.extent(piece.start, piece.end)
    near = abs(extent.left - cell.extent.left) < 2 * extent.height
    return piece.row.page == cell.facts.row.page and 0 <= below <= 4 and near


def _is_account_holder(own: str, chosen: Chosen) -> bool:
    choice = chosen.get(FieldName.BANK_ACCOUNTS)
    details = None if choice is None else choice.candidate.value
    holder = details.holder if isinstance(details, BankDetails) else None
    return holder is not None and names.comparable(holder) == own


def _names_domain(own: str, domain: str) -> bool:
    if len(domain) < 4 or len(own) < 4:
        return False
    return domain in own or own in domain or own.startswith(domain[:6])
