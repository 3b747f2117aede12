"""What speaks for and against a name's being the issuer's: its own look, its place, and what else is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import BankDetails, Choice, Chosen, FieldName, Span
from postprocess_svc.fields.cells import Cell, column_above, column_below, near_rows
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.issuer_blocks import Place, place_of
from postprocess_svc.fields.families.name_spans import has_form, name_span, name_text
from postprocess_svc.fields.families.naming import is_contact, is_implausible, type_size
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.addresses import has_town
from postprocess_svc.fields.values.folding import has_cjk
from postprocess_svc.fields.vocabulary import Role

_DOMAIN = re.compile(r"(?:www\.|@|//)([a-z0-9][a-z0-9-]{2,})\.", re.IGNORECASE)
_FREE_MAIL = frozenset(
    {"gmail", "yahoo", "hotmail", "outlook", "icloud", "gmx", "web", "tonline", "example", "facebook", "localhost"}
)
_BANK_NAME = re.compile(r"銀行$|信用金庫$|信用組合$|農業協同組合$")
_NEAR_REGISTRATION_ROWS = 6
_CONTACT_ROWS = 5
_TRADE_WORD = 0.45
_SHORT_NAME = 3
_LONGEST_NAME = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a document says of its parties, found once for all candidates."""

    domains: frozenset[str]
    """Second levels of mail and web addresses, without hyphens."""
    recipient: Choice | None
    recipients_name: str
    """As ``names.comparable`` has it."""
    recipients_core: str
    """Without its form: empty where nothing else was read."""
    registration: Span | None
    holders_name: str
    """Of the account: as ``names.comparable`` has it, and without its form; empty where none is printed."""
    holders_core: str
    holders_kana: str
    """Holder in large katakana, where it has kana."""
    holders_words: tuple[str, ...]
    """Of these its words: a firm and who runs it."""
    account: tuple[Span, ...]
    """Where the account was read."""

    @staticmethod
    def of(context: DocumentContext, chosen: Chosen) -> Known:
        """Gather it."""
        domains = {match[1].lower().replace("-", "") for match in _DOMAIN.finditer(context.text)} - _FREE_MAIL
        recipient = chosen.get(FieldName.RECIPIENT_NAME)
        registration = chosen.get(FieldName.REGISTRATION_NUMBER)
        account = chosen.get(FieldName.BANK_ACCOUNTS)
        details = None if account is None else account.candidate.value
        holder = (details.holder if isinstance(details, BankDetails) else None) or ""
        return Known(
            domains=frozenset(domain for domain in domains if len(domain) > _SHORT_NAME),
            recipient=recipient,
            recipients_name="" if recipient is None else names.comparable(str(recipient.candidate.value)),
            recipients_core="" if recipient is None else names.core(str(recipient.candidate.value)),
            registration=None if registration is None else registration.candidate.evidence[0],
            holders_name=names.comparable(holder),
            holders_core=names.core(holder),
            holders_kana=names.in_kana(holder),
            holders_words=tuple(filter(None, map(names.in_kana, holder.split()))),
            account=() if account is None else account.candidate.evidence,
        )

    def is_recipient(self, own: str, name: str) -> float:
        """How sure it is that a name is the recipient's: the same but for its form, or one with more around it.

        A legal form and no more is in everybody's name, and says nothing.
        """
        if self.recipient is None or not self.recipients_core:
            return 0.0
        core, other = names.core(name), self.recipients_name
        same = core == self.recipients_core or own in other or other in own
        return self.recipient.confidence if core and same else 0.0

    def is_holder(self, own: str, name: str) -> bool:
        """The account is in this name: as printed, misread in a character, or in the kana that banks write."""
        if not self.holders_name:
            return False
        if own == self.holders_name or names.are_readings_of_one(own, self.holders_name):
            return True
        return len(self.holders_core) > _SHORT_NAME and names.core(name) == self.holders_core

    def is_part_of_holder(self, name: str) -> bool:
        """The account is in this name and a person's, or in the part of it that it is called by: こむぎ堂 安井理恵."""
        own = names.in_kana(name)
        if not self.holders_kana or len(own) < _SHORT_NAME:
            return False
        if own in self.holders_kana:
            return True
        return len(self.holders_words) > 1 and any(
            len(word) >= _SHORT_NAME and own.endswith(word) for word in self.holders_words[:1]
        )

    def is_paid(self, text: str) -> bool:
        """The account is in a name that a short line gives, or in one that it is a part of."""
        if not self.holders_kana or text.isascii() or len(text) > _LONGEST_NAME:
            return False
        return self.is_part_of_holder(text)

    def names_domain(self, own: str) -> bool:
        """The name stands in the document's own mail or web address."""
        if len(own) <= _SHORT_NAME:
            return False
        return any(domain in own or own in domain or own.startswith(domain[:6]) for domain in self.domains)


def judge(context: DocumentContext, cell: Cell, piece: Span, known: Known) -> dict[str, float]:
    """Features of a name, by the names of ``weights.py``; those that depend on the names before it are not here."""
    name = name_text(piece)
    own = names.comparable(name)
    page, extent = cell.facts.page, cell.extent
    japanese = context.language is Language.JAPANESE
    latin = not has_cjk(name)
    above = column_above(context, cell, limit=1, max_gap=1.0)
    form = has_form(name)
    near = _near_contact(context, cell)
    depth = page.depth(extent)
    holder = known.is_holder(own, name)
    heads = place_of(context, cell) is Place.HEAD
    return {
        "company_form": 1.0 if form else (_TRADE_WORD if names.has_trade_word(name) else 0.0),
        "near_contact": float(near),
        "near_registration": float(_near_registration(cell, known.registration)),
        "large_type": min(1.0, max(0.0, type_size(cell) / page.text_height - 1.0)),
        "upper_half": float(depth < 0.5),
        "bottom": float(depth > 0.8),
        "right_half": float(japanese and context.document_type is DocumentType.INVOICE and page.side(extent) > 0.5),
        "same_as_recipient": known.is_recipient(own, name),
        "recipients_block": float(_in_recipients_block(cell, known.recipient)),
        "bank": float(
            (_BANK_NAME.search(name) is not None and not heads)
            or any(Role.BANK in label.roles and label.start <= piece.start for label in cell.facts.labels)
        ),
        "account_holder": float(holder),
        "holder_part": float(not holder and not latin and known.is_part_of_holder(name)),
        "in_account": float(_in_account(cell, piece, known)),
        "department": float(not form and names.DEPARTMENT.search(name) is not None),
        "web_name": float(known.names_domain(own)),
        "sentence": float(names.is_phrase(cell.text)),
        "implausible": float(is_implausible(context, cell, piece)),
        "repeated": float(context.ends.count(name) > 1),
        "short": float(latin and sum(map(str.isalpha, name)) <= _SHORT_NAME),
        "latin_among_japanese": float(japanese and latin),
        "store_branch": float(
            japanese
            and name.endswith(("店", "支店", "営業所"))
            and not form
            and any(_may_be_name(context, other) for other in above)
        ),
        "branch_alone": float(names.is_branch(name)),
        "branch_below": float(japanese and _has_branch_below(context, cell)),
        "in_address": float(not form and _is_in_address(context, cell, name, above)),
        "comma": float(cell.text.endswith(",")),
    }


def _in_account(cell: Cell, piece: Span, known: Known) -> bool:
    """Printed as the account's holder, where banks shorten and officers join: who it is another line says better."""
    if any(part.row is piece.row and part.start < piece.end and piece.start < part.end for part in known.account):
        return True
    return any(Role.HOLDER in label.roles and label.start <= piece.start for label in cell.facts.labels)


def _near_contact(context: DocumentContext, cell: Cell) -> bool:
    if context.language is Language.JAPANESE and context.document_type is DocumentType.INVOICE:
        if place_of(context, cell) is not None:
            return True
        return any(is_contact(context, other) for other in column_below(context, cell, limit=_CONTACT_ROWS))
    top = cell.extent.top
    near = near_rows(context, cell, below=_CONTACT_ROWS)
    return any(other.extent.top >= top and is_contact(context, other) for other in near)


def _may_be_name(context: DocumentContext, cell: Cell) -> bool:
    piece = name_span(cell)
    return piece is not None and not is_implausible(context, cell, piece)


def _has_branch_below(context: DocumentContext, cell: Cell) -> bool:
    """The chain's name stands right over which shop of it this is, alone or with the shop's phone."""
    below = column_below(context, cell, limit=1, max_gap=1.2)
    return bool(below) and names.is_branch(below[0].text.split(" ", 1)[0])


def _is_in_address(context: DocumentContext, cell: Cell, name: str, above: list[Cell]) -> bool:
    """A line between others of an address, such as a street without a word that says so."""
    if not above:
        return False
    if is_contact(context, above[0]):
        return True
    if not any(map(str.isdigit, name)):
        return False
    below = column_below(context, cell, limit=1, max_gap=1.0)
    return bool(below) and has_town(below[0].text)


def _near_registration(cell: Cell, number: Span | None) -> bool:
    if number is None or number.row.page != cell.facts.row.page:
        return False
    if abs(number.row.number - cell.facts.row.number) > _NEAR_REGISTRATION_ROWS:
        return False
    return _extent(number).overlap_x(cell.extent) > -2 * cell.extent.height


def _in_recipients_block(cell: Cell, recipient: Choice | None) -> bool:
    if recipient is None or recipient.confidence < 0.5:
        return False
    piece = recipient.candidate.evidence[0]
    below = cell.facts.row.number - piece.row.number
    if piece.row.page != cell.facts.row.page or not 0 <= below <= 4:
        return False
    extent = _extent(piece)
    return abs(extent.left - cell.extent.left) < 2 * extent.height


def _extent(piece: Span) -> Extent:
    return piece.row.extent(piece.start, piece.end)
