"""Who issued the document, and to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import BankDetails, Candidate, Chosen, FieldName, Span, span
from postprocess_svc.fields.cells import Cell, column_above, column_below, find_cells, near_rows
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.identifiers import find_registration_numbers
from postprocess_svc.fields.values.phones import find_phones
from postprocess_svc.fields.vocabulary import Role

_TITLES = frozenset({Role.TITLE_INVOICE, Role.TITLE_RECEIPT, Role.TITLE_OTHER, Role.INVOICE_NUMBER})
_CONTACT = frozenset({Role.PHONE, Role.FAX, Role.REGISTRATION, Role.TAX_NUMBER})
# Labels that may be part of a name, or stand where a name stands without saying that it is none.
_HARMLESS = frozenset({Role.ISSUER, Role.RECIPIENT, Role.BANK, Role.BRANCH, Role.AMOUNT, Role.POINTS, Role.TENDERED})
_SEPARATORS = re.compile(r"\s*(?:[·•|*;]|\s-\s|,\s|\s–\s|\.\s{0,1}(?=[A-ZÄÖÜ][a-zäöüß]+(?:straße|strasse|str\.|weg|platz)))\s*")
_SALUTATION = re.compile(r"^(?:herrn?|frau|firma|an|to|mr|mrs|ms|monsieur|madame|m\.|mme|familie|company|z\. ?hd\.?)[ .:]*$", re.IGNORECASE)
_DOMAIN = re.compile(r"(?:www\.|@|//)([a-z0-9][a-z0-9-]{2,})\.", re.IGNORECASE)
_FREE_MAIL = frozenset({"gmail", "yahoo", "hotmail", "outlook", "icloud", "gmx", "web", "t-online", "example", "facebook"})
_SEAL = re.compile(r"[\s(]*[印㊞]\)?$")
_TOP_ROWS = 12
_BANK_NAME = re.compile(r"銀行$|信用金庫$|信用組合$|農業協同組合$")


class PartyFamily:
    """Proposes names for the recipient first, then for the issuer."""

    name = "parties"
    fields: tuple[FieldName, ...] = (FieldName.RECIPIENT_NAME, FieldName.ISSUER_NAME)

    def propose(self, field: FieldName, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """Candidates for one of the two."""
        if field is FieldName.RECIPIENT_NAME:
            return list(_recipients(context))
        return list(_issuers(context, chosen))


def _recipients(context: DocumentContext) -> Iterator[Candidate]:
    for row in context.shared(find_cells):
        for position, cell in enumerate(row):
            yield from _honoured(context, row, position, cell)
            yield from _labelled(context, row, position, cell, Role.RECIPIENT)
            if context.language is not Language.JAPANESE:
                yield from _addressed(context, cell)


def _honoured(context: DocumentContext, row: list[Cell], position: int, cell: Cell) -> Iterator[Candidate]:
    """Names before 御中, 様 and 殿: in the cell, in the cell before it, or in the line above."""
    match = names.HONORIFIC.search(cell.text)
    if match is None:
        return
    feature = "honorific_company" if match[1] == "御中" else "honorific_person"
    name = cell.text[: match.start()]
    above = column_above(context, cell, limit=1, max_gap=1.2)
    if not name.strip():
        if position and row[position - 1].extent.right > cell.extent.left - 12 * cell.extent.height:
            yield from _recipient(context, row[position - 1], {feature: 1.0})
        elif above:
            yield from _recipient(context, above[0], {feature: 1.0})
        return
    if not names.is_name_before_honorific(name):
        return
    company_above = next((other for other in above if names.has_japanese_form(other.text)), None)
    if company_above is None and names.DEPARTMENT.search(name.strip()) and above:
        company_above = above[0]
    if company_above is not None and not names.has_japanese_form(name):
        yield from _recipient(context, company_above, {feature: 1.0})
    below_company = float(company_above is not None and not names.has_japanese_form(name))
    yield from _recipient(
        context, cell, {feature: 1.0, "person_below_company": below_company}, end=cell.start + match.start()
    )


def _labelled(context: DocumentContext, row: list[Cell], position: int, cell: Cell, role: Role) -> Iterator[Candidate]:
    """Names after or under a label that a cell begins with."""
    label = next((label for label in cell.facts.labels if label.start >= cell.start and label.end <= cell.end), None)
    if label is None or role not in label.roles or label.start > cell.start + 1:
        return
    rest = cell.text[label.end - cell.start :]
    features = {"ship_to": float(bool(re.search(r"ship|deliver|liefer|livraison|納品|届", label.wording)))}
    value_start = label.end + len(rest) - len(rest.lstrip(" :.\t()-"))
    colon = rest.lstrip().startswith(":")
    if value_start < cell.end:
        # "Customer service" and "Kunde seit" begin with a label too; a name after it follows a colon.
        if colon or label.end - label.start >= 4 and names.has_latin_form(rest):
            yield from _party(context, cell, role, {**features, "labelled_row": 1.0}, start=value_start)
        return
    if position + 1 < len(row) and (colon or context.language is Language.JAPANESE):
        following = row[position + 1]
        if following.extent.left - cell.extent.right < 15 * cell.extent.height:
            yield from _party(context, following, role, {**features, "labelled_row": 1.0})
    for other in column_below(context, cell, limit=4, max_gap=2.5):
        if _SALUTATION.match(other.text) or ":" in other.text or any(c.isdigit() for c in other.text[:4]):
            continue
        yield from _party(context, other, role, {**features, "labelled_below": 1.0})
        break


def _addressed(context: DocumentContext, cell: Cell) -> Iterator[Candidate]:
    """The first line of an address block: the lines above a postcode and town."""
    if names.POSTCODE_TOWN.search(cell.text) is None or _SEPARATORS.search(cell.text.replace(", ", " ")) or len(cell.text) > 45:
        return
    block = column_above(context, cell, limit=6, max_gap=1.0)
    lines: list[Cell] = []
    under_sender = False
    for other in block:
        if _is_sender_line(other.text):
            under_sender = True
            break
        if ":" in other.text:
            break
        lines.append(other)
    if not lines:
        return
    salutation = next((line for line in lines if _SALUTATION.match(line.text)), None)
    if salutation is not None:
        lines = lines[: lines.index(salutation)] or lines
    features = {
        "address_block": 1.0,
        "letter_window": float(under_sender),
        "salutation": float(salutation is not None),
        "left_half": float(cell.facts.page.side(lines[-1].extent) < 0.5),
    }
    yield from _recipient(context, lines[-1], features)


def _is_sender_line(text: str) -> bool:
    """Name, street, postcode and town in one line, as above the window of a letter."""
    return names.POSTCODE_TOWN.search(text) is not None and len(_SEPARATORS.findall(text)) >= 2


def _party(
    context: DocumentContext, cell: Cell, role: Role, features: dict[str, float], *, start: int | None = None
) -> Iterator[Candidate]:
    if role is Role.RECIPIENT:
        yield from _recipient(context, cell, features, start=start)
        return
    piece = _name_span(cell, start=start)
    if piece is not None:
        yield Candidate(value=_value(piece), evidence=(piece,), features={k: v for k, v in features.items() if k != "ship_to"})


def _recipient(
    context: DocumentContext, cell: Cell, features: dict[str, float], *, start: int | None = None, end: int | None = None
) -> Iterator[Candidate]:
    piece = _name_span(cell, start=start, end=end)
    if piece is None:
        return
    name = piece.row.text[piece.start : piece.end]
    features = {
        **features,
        "company_form": float(_has_form(name)),
        "upper_half": float(cell.facts.page.depth(cell.extent) < 0.5),
        "implausible": float(_is_implausible(cell, piece)),
        "repeated": float(context.text.count(name) > 1),
    }
    yield Candidate(value=_value(piece), evidence=(piece,), features=features)


def _issuers(context: DocumentContext, chosen: Chosen) -> Iterator[Candidate]:
    recipient = chosen.get(FieldName.RECIPIENT_NAME)
    recipient_name = "" if recipient is None else names.comparable(str(recipient.candidate.value))
    domains = {match[1].lower().replace("-", "") for match in _DOMAIN.finditer(context.text)} - _FREE_MAIL
    first_items = _first_item_row(context)
    top_names = 0
    for row in context.shared(find_cells):
        for position, cell in enumerate(row):
            labelled = list(_labelled(context, row, position, cell, Role.ISSUER))
            top = cell.facts.row.page == context.facts[0].row.page and cell.facts.row.number < min(_TOP_ROWS, first_items)
            proposals: list[tuple[Span, dict[str, float]]] = [
                (candidate.evidence[0], dict(candidate.features)) for candidate in labelled
            ]
            proposals.extend(_from_cell(context, cell, top=top, recipient=recipient is not None))
            for piece, features in proposals:
                name = piece.row.text[piece.start : piece.end]
                judged = _judge_issuer(context, cell, piece, recipient_name, domains, chosen)
                plausible = not judged["implausible"] and not judged["sentence"] and not judged["same_as_recipient"]
                if top and plausible and not judged["recipients_block"]:
                    top_names += 1
                    features["top_line"] = float(top_names == 1)
                    features["second_line"] = float(top_names == 2)
                features["in_items"] = float(cell.facts.row.number >= first_items and not _has_form(name))
                yield Candidate(value=_value(piece), evidence=(piece,), features={**judged, **features})
            joined = _joined(context, cell) if top else None
            if joined is not None:
                yield joined


def _from_cell(
    context: DocumentContext, cell: Cell, *, top: bool, recipient: bool
) -> Iterator[tuple[Span, dict[str, float]]]:
    """A cell as the issuer's name: any at the top, elsewhere only what looks like a firm."""
    text = cell.text
    if names.HONORIFIC.search(text):
        return
    if _is_sender_line(text):
        cut = _SEPARATORS.search(text)
        if cut is not None and cut.start() > 2:
            yield span(cell.facts, cell.start, cell.start + cut.start()), {"sender_line": 1.0}
        return
    piece = _name_span(cell)
    if piece is None:
        return
    name = piece.row.text[piece.start : piece.end]
    if not (top or _has_form(name) or (names.has_trade_word(name) and context.document_type is DocumentType.RECEIPT)):
        large = cell.extent.height > 1.6 * cell.facts.page.text_height
        if not (large or (recipient and cell.facts.page.depth(cell.extent) < 0.4)):
            return
    yield piece, {}


def _joined(context: DocumentContext, cell: Cell) -> Candidate | None:
    """A name over two lines, the second of which brings the legal form."""
    below = column_below(context, cell, limit=1, max_gap=0.9)
    first = _name_span(cell)
    if not below or first is None or _has_form(cell.text) or not names.has_latin_form("- " + below[0].text):
        return None
    other = below[0]
    alike = 0.8 < cell.extent.height / max(1.0, other.extent.height) < 1.25
    if not (names.is_form_alone(other.text) or (alike and other.text.isupper() and cell.text.isupper())):
        return None
    if any(names.is_address(text) or names.is_phrase(text) for text in (cell.text, other.text)):
        return None
    second = _name_span(other)
    if second is None or _is_implausible(cell, first):
        return None
    features = {"company_form": 1.0, "top_line": 1.2, "upper_half": 1.0}
    return Candidate(value=f"{_value(first)} {_value(second)}", evidence=(first, second), features=features)


def _judge_issuer(
    context: DocumentContext, cell: Cell, piece: Span, recipient_name: str, domains: set[str], chosen: Chosen
) -> dict[str, float]:
    name = piece.row.text[piece.start : piece.end]
    page, extent = cell.facts.page, cell.extent
    own = names.comparable(name)
    japanese = context.language is Language.JAPANESE
    near = list(near_rows(context, cell, below=5))
    features = {
        "company_form": 1.0 if _has_form(name) else (0.45 if names.has_trade_word(name) else 0.0),
        "near_contact": float(any(_is_contact(other) for other in near if other.extent.top >= extent.top)),
        "near_registration": float(_near_registration(context, cell, chosen)),
        "large_type": min(1.0, max(0.0, extent.height / page.text_height - 1.0)),
        "upper_half": float(page.depth(extent) < 0.5),
        "bottom": float(page.depth(extent) > 0.8),
        "right_half": float(japanese and context.document_type is DocumentType.INVOICE and page.side(extent) > 0.5),
        "same_as_recipient": float(bool(recipient_name) and (own == recipient_name or own in recipient_name or recipient_name in own)),
        "recipients_block": float(_in_recipients_block(cell, chosen)),
        "bank": float(_BANK_NAME.search(name) is not None or any(Role.BANK in label.roles for label in cell.facts.labels)),
        "account_holder": float(_is_account_holder(own, chosen)),
        "web_name": float(any(_names_domain(own, domain) for domain in domains)),
        "sentence": float(names.is_phrase(name)),
        "implausible": float(_is_implausible(cell, piece)),
        "repeated": float(context.text.count(name) > 1),
        "store_branch": float(japanese and name.endswith(("店", "支店", "営業所")) and not _has_form(name) and cell.facts.row.number > 0),
    }
    return features


def _first_item_row(context: DocumentContext) -> int:
    """Number of the first row of the first page with an amount: above it stands who issues the document."""
    for facts in context.facts:
        if any(amount.currency or amount.decimals == 2 or amount.grouped for amount in facts.amounts):
            return facts.row.number
    return len(context.facts)


def _name_span(cell: Cell, *, start: int | None = None, end: int | None = None) -> Span | None:
    """The part of a cell that may be a name: up to the first label, phone number or registration number."""
    begin, stop = cell.start if start is None else start, cell.end if end is None else end
    text = cell.facts.row.text
    for label in cell.facts.labels:
        if begin <= label.start < stop and not label.roles & _HARMLESS and label.roles & (_CONTACT | {Role.DATE, Role.ISSUE_DATE}):
            stop = label.start
    for found in (*find_phones(text[begin:stop]), *find_registration_numbers(text[begin:stop])):
        stop = min(stop, begin + found.start)
    name = text[begin:stop]
    seal = _SEAL.search(name)
    if seal is not None and seal.start() > 1:
        stop = begin + seal.start()
    stripped = names.strip_registration(text[begin:stop])
    if stripped and text[begin:stop].lstrip(" ,;:-·・|").startswith(stripped):
        offset = text.index(stripped, begin)
        begin, stop = offset, offset + len(stripped)
    piece = span(cell.facts, begin, stop)
    return piece if sum(map(str.isalpha, text[piece.start : piece.end])) >= 2 else None


def _value(piece: Span) -> str:
    return re.sub(r"[\s\u3000]+", " ", piece.row.printed(piece.start, piece.end)).strip(" .,:;・|")


def _has_form(name: str) -> bool:
    return names.has_japanese_form(name) or names.has_latin_form(name)


def _is_implausible(cell: Cell, piece: Span) -> bool:
    name = piece.row.text[piece.start : piece.end]
    letters = sum(map(str.isalpha, name))
    digits = sum(map(str.isdigit, name))
    if letters < 2 or digits > letters or len(name) > 60 or names.is_web(name):
        return True
    if names.is_address(name) and not _has_form(name):
        return True
    return "¥" in name or "%" in name or _is_label(cell, piece)


def _is_label(cell: Cell, piece: Span) -> bool:
    """A title, or the name of a field: 領収書, Invoice No."""
    covered = sum(
        min(label.end, piece.end) - max(label.start, piece.start)
        for label in cell.facts.labels
        if label.start < piece.end and piece.start < label.end
    )
    text = piece.row.text[piece.start : piece.end]
    return covered >= 0.7 * sum(map(str.isalnum, text))


def _is_contact(cell: Cell) -> bool:
    if names.is_address(cell.text):
        return True
    return any(label.roles & _CONTACT and cell.start <= label.start < cell.end for label in cell.facts.labels)


def _near_registration(context: DocumentContext, cell: Cell, chosen: Chosen) -> bool:
    choice = chosen.get(FieldName.REGISTRATION_NUMBER)
    if choice is None:
        return False
    row = choice.candidate.evidence[0].row
    return row.page == cell.facts.row.page and abs(row.number - cell.facts.row.number) <= 6


def _in_recipients_block(cell: Cell, chosen: Chosen) -> bool:
    choice = chosen.get(FieldName.RECIPIENT_NAME)
    if choice is None:
        return False
    piece = choice.candidate.evidence[0]
    below = cell.facts.row.number - piece.row.number
    extent = piece.row.extent(piece.start, piece.end)
    return piece.row.page == cell.facts.row.page and -1 <= below <= 4 and abs(extent.left - cell.extent.left) < 2 * extent.height


def _is_account_holder(own: str, chosen: Chosen) -> bool:
    choice = chosen.get(FieldName.BANK_ACCOUNTS)
    details = None if choice is None else choice.candidate.value
    holder = details.holder if isinstance(details, BankDetails) else None
    return holder is not None and names.comparable(holder) == own


def _names_domain(own: str, domain: str) -> bool:
    if len(domain) < 4 or len(own) < 4:
        return False
    return domain in own or own in domain or own.startswith(domain[:6])
