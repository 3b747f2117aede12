"""Cutting a name out of a cell: what stands before it, and where it ends."""

from __future__ import annotations

import re
import unicodedata

from postprocess_svc.fields.candidate import Span, span
from postprocess_svc.fields.cells import Cell
from postprocess_svc.fields.families.name_ends import (
    before_address,
    before_hours,
    before_marks,
    before_numbers,
    before_seal,
)
from postprocess_svc.fields.families.name_parts import end_of_name, is_set_off
from postprocess_svc.fields.labels import Label
from postprocess_svc.fields.values import names
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

CONTACT = frozenset({Role.PHONE, Role.FAX, Role.REGISTRATION, Role.TAX_NUMBER})
# These end a name that shares its cell with other things.
_ENDS_NAME = CONTACT | {Role.DATE, Role.ISSUE_DATE, Role.DUE_DATE}
_MAY_END_HONORIFIC = frozenset("中方様樣殿ま生宛て)、,.: ")
_BEFORE_COLON = re.compile(r"^[^:]{1,24}:\s*(?=\S)")
_BULLETS = "■●◆・※▼○□◇▶★☆ "
_ADDRESSING = re.compile(
    r"(?:[aà] ?l ?['’]? ?at{1,2}ent[a-z]{2,5} d(?:e |u |')|z\. ?h(?:d|änden)\.?:? |c/o |adressé à )\s*", re.IGNORECASE
)
"""What a name follows without a colon, letters of it lost."""
_CAPITAL = re.compile(r",? (?:au capital d|- (?:SIRET|RCS|Sitz|Amtsgericht)|registered in )", re.IGNORECASE)
"""What a legal footer goes on with."""
_RUN_BY = re.compile(
    r"(?:operated|issued|managed|run|provided) by |for and on behalf of |a trading name of ", re.IGNORECASE
)
_ADDRESSING_LABELS = ("alattention", "lattention", "zuhanden", "zhd", "fortheattention")
"""Labels, as they are compared, that a name follows without a colon."""
_NAMED = re.compile(r"氏名|名称|お?問い?合わ?せ(?:窓口|先)?|(?:ご|御)?連絡先|(?:取扱)?代理店")
"""Words before a name, set off by a gap, that do not say whose it is."""
_NAMING = frozenset({Role.ISSUER, Role.HOLDER})
_FIGURES = re.compile(r"[\d:]")
_LONGEST_ARTICLE = 2


def name_span(cell: Cell, *, start: int | None = None, end: int | None = None) -> Span | None:
    """The part of a cell that may be a name: after a colon, up to the first contact label, phone or register number."""
    begin, stop = cell.start if start is None else start, cell.end if end is None else end
    text = cell.facts.row.text
    if start is None:
        begin = _behind_colon(cell, begin, stop)
    while begin < stop and text[begin] in _BULLETS:
        begin += 1
    begin = _behind_role(cell, begin, stop)
    if (addressing := _ADDRESSING.match(text[begin:stop])) is not None:
        begin += addressing.end()
    if text[begin : begin + 1].isascii():
        begin, stop = _without_legal(text, begin, stop)
    for label in cell.facts.labels:
        if begin < label.start < stop and label.roles & _ENDS_NAME and not _is_in_name(text, begin, label, stop):
            stop = label.start
        if label.start <= begin and label.end < stop and label.wording.startswith(_ADDRESSING_LABELS):
            begin = label.end
        if begin < label.start < stop and label.roles & NUMBERS_AND_DATES and text[begin].isupper():
            # "Muster KG Rechnungs Nr": the label of the column beside it came into the same cell.
            form_end = names.end_of_latin_form(text[begin : label.start])
            stop = begin + form_end if form_end else stop
    stop = _without_tail(text, begin, stop)
    stripped = names.strip_registration(text[begin:stop])
    if stripped:
        begin = text.index(stripped, begin)
        stop = begin + len(stripped)
    if stop - begin > 1 and not text.isascii():
        if start is None:
            begin = _behind_label(cell, begin, stop)
        stop = end_of_name(cell, begin, stop)
    piece = span(cell.facts, begin, stop)
    return piece if sum(map(str.isalpha, text[piece.start : piece.end])) >= 2 else None


def _behind_colon(cell: Cell, begin: int, stop: int) -> int:
    """Where a name begins that a label stands before with a colon; 株式会社見本(登録番号: …) begins with the name."""
    prefix = _BEFORE_COLON.match(cell.facts.row.text[begin:stop])
    if prefix is None:
        return begin
    end = begin + prefix.end()
    is_behind = any(begin + 1 < label.start < label.end <= end and label.roles & CONTACT for label in cell.facts.labels)
    return begin if is_behind and names.has_japanese_form(prefix[0]) else end


def _behind_role(cell: Cell, begin: int, stop: int) -> int:
    """Where a name begins that a bracket stands before which says whose it is: (管理会社)見本管理株式会社."""
    text = cell.facts.row.text
    if text[begin : begin + 1] != "(":
        return begin
    label = next((label for label in cell.facts.labels if label.start == begin + 1), None)
    if label is None or label.end + 1 >= stop or text[label.end] != ")":
        return begin
    return label.end + 1


def _is_in_name(text: str, begin: int, label: Label, stop: int) -> bool:
    """A date's word that is a part of a name: Copropriété Le Clos, Sample Data Centres Ltd, not Lyon, le 3 mars."""
    if label.end - label.start <= _LONGEST_ARTICLE and not any(map(str.isdigit, text[label.end : label.end + 4])):
        return True
    if not text[begin : begin + 1].isascii() or names.has_latin_form(text[begin : label.start]):
        return False
    rest = text[label.end : stop]
    return _FIGURES.search(rest[: names.end_of_latin_form(rest)] or ":") is None


def _without_tail(text: str, begin: int, stop: int) -> int:
    """Where a name ends before a number, an honorific, a seal or its address."""
    stop = before_numbers(text, begin, stop)
    if stop > begin and text[stop - 1] in _MAY_END_HONORIFIC:
        honorific = names.HONORIFIC.search(text[begin:stop])
        if honorific is not None and honorific.start() > 1:
            stop = begin + honorific.start()
    stop = before_seal(text, begin, before_hours(text, begin, stop))
    return before_marks(text, begin, before_address(text, begin, stop))


def _without_legal(text: str, begin: int, stop: int) -> tuple[int, int]:
    """A Western name out of a legal footer: Operated by …, … au capital de 15 000 €."""
    run_by = _RUN_BY.match(text, begin, stop)
    begin = begin if run_by is None else run_by.end()
    capital = _CAPITAL.search(text, begin + 2, stop)
    return begin, stop if capital is None else capital.start()


def _behind_label(cell: Cell, begin: int, stop: int) -> int:
    """Where a name begins that a label stands before without a colon: 社名 タナベ電設, 口座名 見本物産株式会社."""
    label = next((label for label in cell.facts.labels if label.start == begin and label.end < stop - 1), None)
    text = cell.facts.row.text
    prefix = _NAMED.match(text, begin, stop)
    if prefix is not None:
        end = prefix.end()
    elif label is None or label.roles.isdisjoint(_NAMING):
        return begin
    else:
        end = label.end
    rest = text[end:stop]
    value = stop - len(rest.lstrip(" :.・"))
    return value if value < stop - 1 and (is_set_off(cell, value) or names.begins_with_form(rest)) else begin


def name_text(piece: Span) -> str:
    """The folded text of a name."""
    return piece.row.text[piece.start : piece.end]


def name_value(piece: Span) -> str:
    """The name in NFKC (㈱ｶﾞｲｱ is (株)ガイア), white space made single, letters that cannot be so put right.

    The legal form stays as long or short as it is printed: only a table of partners knows how a firm is registered.
    """
    printed = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", piece.row.printed(piece.start, piece.end)))
    return names.mended(printed).strip(" ,:;・|")


def has_form(name: str) -> bool:
    """A legal form is part of the name."""
    return (not name.isascii() and names.has_japanese_form(name)) or names.has_latin_form(name)
