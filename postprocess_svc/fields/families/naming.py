"""What recipient and issuer have in common: cutting a name out of a cell, and telling a name from what is none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from postprocess_svc.fields.candidate import Span, span
from postprocess_svc.fields.cells import Cell, column_below, find_cells
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.name_ends import before_address, before_numbers, before_seal
from postprocess_svc.fields.families.name_parts import end_of_name, is_set_off
from postprocess_svc.fields.labels import Label, is_nearly_title
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.addresses import has_town, is_address
from postprocess_svc.fields.values.folding import is_kana
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

CONTACT = frozenset({Role.PHONE, Role.FAX, Role.REGISTRATION, Role.TAX_NUMBER})
# These end a name that shares its cell with other things.
_ENDS_NAME = CONTACT | {Role.DATE, Role.ISSUE_DATE, Role.DUE_DATE}
_MAY_END_HONORIFIC = frozenset("中方様樣殿ま宛て)、,.: ")
_BEFORE_COLON = re.compile(r"^[^:]{1,24}:\s*(?=\S)")
_NAME_LABEL = re.compile(
    r"^(?:name|firma|company(?: name)?|nom|naam|会社名|氏名|名称|社名|貴社名)\s*:?$", re.IGNORECASE
)
SEPARATORS = re.compile(r"\s*(?:[·•|*;]|\s-\s|,\s|\s–\s)\s*")
_SENDERS_SEPARATORS = re.compile(r"\s*[·•|*;]|\s?[-–]\s|\s[-–]|,\s|\s{2,}")
SALUTATION = re.compile(
    r"^(?:herrn?|frau|firma|an|to|mr|mrs|ms|monsieur|madame|m\.|mme|familie|company|z\. ?hd\.?)[ .:]*$", re.IGNORECASE
)
_MAX_NAME = 60
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
_MONEY_IN_WORDS = re.compile(r"^金.*(?:円|也)$")
_BANK_LINE = re.compile(r"(?:銀行|信用金庫|信用組合|協同組合|労働金庫).{0,16}(?:支店|営業部|出張所|普通|当座)")
_NO_NAME = re.compile(
    r"(?:請求書|領収書|領収証|納品書|明細書|見積書|計算書|通知書|検針票|[のご]案内|お知らせ|指針|検針|使用量)$"
    r"|^(?:[ごお御]?(?:注意|連絡|特記|確認|留意)事項|.{0,4}保険(?:種別|区分|証)?|負担割合|氏名|名称|住所|処方箋|国保|社保|料金(?:後|別)納.*|郵便区内特別|親展|.{0,6}在中|(?:重要|転送不要).*|様式.{0,8}|ページ.{0,6}|\(.{1,24}\)|.{0,8}第\d+(?:号|条).{0,6}|配車|本社|本店|ご?予約|受付|.{0,8}\d割)$|必要です|(?:この|本)(?:領収|請求|明細)"
    r"|^\D{0,2}\d{0,2}(?:テーブル|卓|席|レジ|責)[|\s]*(?:No\.?)?[|\s]*\d+$"
    r"|^(?:取引|伝票|受付|会計|領収証?|レシート)[|\s]*No\b",
    re.IGNORECASE,
)
"""Titles, headings and the cells of forms."""
_MARKS_OF_NO_NAME = frozenset("¥%:@")
_REGISTERED = frozenset({Role.REGISTRATION, Role.TAX_NUMBER})
_NAMED = re.compile(r"氏名|名称|お?問い?合わ?せ(?:窓口|先)?|(?:ご|御)?連絡先|(?:取扱)?代理店")
"""Words before a name, set off by a gap, that do not say whose it is."""
_NAMING = frozenset({Role.ISSUER, Role.HOLDER})
_COLUMNS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_NUMBER_ENDINGS = ("番号", "コート")
"""Of wordings as they are compared, ド without its mark."""
_SHORTEST_SENDER = 20
_LEAST_HEADING = 5
_LONGEST_TITLE = 32
_LONGEST_ARTICLE = 2
_LOGO_SIZE = 1.6
"""Of a name set from the top down, over the page's ordinary height: other columns of text are no names."""
# Line heights between a label and its name in the same row.
_REACH = 15.0
_REACH_WITHOUT_COLON = 6.0


def name_span(cell: Cell, *, start: int | None = None, end: int | None = None) -> Span | None:
    """The part of a cell that may be a name: after a colon, up to the first contact label, phone or register number."""
    begin, stop = cell.start if start is None else start, cell.end if end is None else end
    text = cell.facts.row.text
    if start is None and (prefix := _BEFORE_COLON.match(text[begin:stop])) is not None:
        begin += prefix.end()
    while begin < stop and text[begin] in _BULLETS:
        begin += 1
    if (addressing := _ADDRESSING.match(text[begin:stop])) is not None:
        begin += addressing.end()
    if text[begin : begin + 1].isascii():
        begin, stop = _without_legal(text, begin, stop)
    for label in cell.facts.labels:
        if begin < label.start < stop and label.roles & _ENDS_NAME and not _is_article(text, label):
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


def _is_article(text: str, label: Label) -> bool:
    """A date's word that no date follows: Copropriété Le Clos, not Lyon, le 3 mars."""
    return label.end - label.start <= _LONGEST_ARTICLE and not any(map(str.isdigit, text[label.end : label.end + 4]))


def _without_tail(text: str, begin: int, stop: int) -> int:
    """Where a name ends before a number, an honorific, a seal or its address."""
    stop = before_numbers(text, begin, stop)
    if stop > begin and text[stop - 1] in _MAY_END_HONORIFIC:
        honorific = names.HONORIFIC.search(text[begin:stop])
        if honorific is not None and honorific.start() > 1:
            stop = begin + honorific.start()
    return before_address(text, begin, before_seal(text, begin, stop))


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


def is_implausible(context: DocumentContext, cell: Cell, piece: Span) -> bool:
    """Not a name: an address, a label, a number, a mail address, a title; each is looked at once."""
    known = context.shared(_implausible)
    key = (cell.facts.row.number, piece.start, piece.end)
    found = known.get(key)
    if found is None:
        found = known[key] = _is_implausible(cell, piece)
    return found


def _implausible(context: DocumentContext) -> dict[tuple[int, int, int], bool]:  # noqa: ARG001
    """Answers of ``is_implausible``, by row, start and end."""
    return {}


def _is_implausible(cell: Cell, piece: Span) -> bool:
    name = name_text(piece)
    letters = sum(map(str.isalpha, name))
    digits = sum(map(str.isdigit, name))
    if letters < 2 or digits > letters or len(name) > _MAX_NAME:
        return True
    if cell.facts.row.vertical and type_size(cell) < _LOGO_SIZE * cell.facts.page.text_height:
        return True
    if not _MARKS_OF_NO_NAME.isdisjoint(name) or names.is_web(name) or _MONEY_IN_WORDS.match(name):
        return True
    if (digits and _is_code(name)) or any(
        date.start < piece.end and piece.start < date.end for date in cell.facts.dates if not date.compact
    ):
        return True
    if (is_address(name) or (digits and names.is_measured(name))) and not has_form(name):
        return True
    return (
        (not name.isascii() and _is_heading(name))
        or _is_label(cell, piece)
        or _begins_label(cell, piece)
        or (len(name) <= _LONGEST_TITLE and is_nearly_title(name))
    )


def _is_heading(name: str) -> bool:
    """A title, a form's heading or an account in one line."""
    return _BANK_LINE.search(name) is not None or (_NO_NAME.search(name) is not None and not has_form(name))


def _is_code(name: str) -> bool:
    """One word of letters and digits, such as a part number."""
    return " " not in name and name.isascii() and not name[0].isdigit()


def type_size(cell: Cell) -> float:
    """Height of its type in pixels, which of a column of characters is the column's width."""
    return cell.extent.width if cell.facts.row.vertical else cell.extent.height


def _is_label(cell: Cell, piece: Span) -> bool:
    """A title or the name of a field, as a whole or with its value: 領収書, Invoice No, Cashier 12."""
    text = cell.facts.row.text
    covered = 0
    for label in cell.facts.labels:
        if label.start >= piece.end or piece.start >= label.end:
            continue
        covered += min(label.end, piece.end) - max(label.start, piece.start)
        if label.end < piece.end and is_kana(text[label.end - 1]) and is_kana(text[label.end]):
            continue  # テーブルテラス is no テーブル
        if label.start <= piece.start and label.roles & NUMBERS_AND_DATES and not has_form(name_text(piece)):
            return True  # 取引先コード C-12, 振込期日
        if label.end >= piece.end and label.wording.endswith(_NUMBER_ENDINGS) and not has_form(name_text(piece)):
            return True  # 機械番号
        rest = text[label.end : piece.end].lstrip(" .")
        if label.start <= piece.start and (rest[:1].isdigit() or rest.startswith(("#", "/"))):
            return True
    return covered >= 0.7 * sum(map(str.isalnum, name_text(piece)))


def _begins_label(cell: Cell, piece: Span) -> bool:
    """One word right before a registration number's label is a part of that label: Identifiant TVA."""
    if " " in name_text(piece) or piece.end >= cell.end or not name_text(piece).isascii():
        return False
    return any(piece.end <= label.start <= piece.end + 1 and label.roles & _REGISTERED for label in cell.facts.labels)


def _has_number(cell: Cell) -> bool:
    """A label says that its digits are somebody's number, and so no postcode."""
    return any(label.roles & NUMBERS_AND_DATES and cell.start <= label.start < cell.end for label in cell.facts.labels)


def is_header(cell: Cell) -> bool:
    """It stands in the header of a table of items."""
    return sum(1 for label in cell.facts.labels if label.roles & _COLUMNS) > 1


def is_contact(context: DocumentContext, cell: Cell) -> bool:
    """An address, a phone or a registration number; each cell is looked at once."""
    known = context.shared(_contacts)
    key = (cell.facts.row.number, cell.start)
    found = known.get(key)
    if found is None:
        labelled = any(label.roles & CONTACT and cell.start <= label.start < cell.end for label in cell.facts.labels)
        found = known[key] = labelled or is_address(cell.text)
    return found


def _contacts(context: DocumentContext) -> dict[tuple[int, int], bool]:  # noqa: ARG001
    """Answers of ``is_contact``, by row and start."""
    return {}


def is_sender_line(text: str) -> bool:
    """Name, street, postcode and town in one line, as above the window of a letter."""
    return len(text) > _SHORTEST_SENDER and has_town(text) and len(_SENDERS_SEPARATORS.findall(text)) >= 2


def labelled_names(
    context: DocumentContext, row: list[Cell], position: int, role: Role
) -> Iterator[tuple[tuple[Cell, Span], str, str]]:
    """Names after or under a label that a cell begins with.

    Yields:
        The name's cell and span, the relation (``row`` or ``below``) and the label's wording.
    """
    cell = row[position]
    if not cell.facts.labels:
        return
    own = [label for label in cell.facts.labels if cell.start <= label.start and label.end <= cell.end]
    if not own or role not in own[0].roles or own[0].start > cell.start + 1:
        return
    label = own[0]
    for other in own[1:]:
        if role in other.roles and not cell.facts.row.text[label.end : other.start].strip(" /("):
            label = other
    rest = cell.facts.row.text[label.end : cell.end]
    colon = rest.lstrip().startswith(":")
    value_start = label.end + len(rest) - len(rest.lstrip(" :.()-"))
    if value_start < cell.end:
        # "Customer service" and "Kunde seit" begin with a label too; a name follows a colon, or an address follows it.
        piece = name_span(cell, start=value_start)
        if piece is not None and (
            colon
            or has_form(name_text(piece))
            or (context.language is Language.JAPANESE and is_set_off(cell, value_start))
            or _heads_address(context, cell, piece, label)
        ):
            yield (cell, piece), "row", label.wording
        return
    if position + 1 < len(row):
        following = row[position + 1]
        piece = name_span(following, start=following.start)
        reach = _REACH if colon or context.language is Language.JAPANESE else _REACH_WITHOUT_COLON
        near = following.extent.left - cell.extent.right < reach * cell.extent.height
        if near and piece is not None and not is_implausible(context, following, piece):
            yield (following, piece), "row", label.wording
            return
    found = _below(context, cell)
    if found is not None:
        yield found, "below", label.wording


def _heads_address(context: DocumentContext, cell: Cell, piece: Span, label: Label) -> bool:
    """Client Highfield Media, and a street below."""
    name = name_text(piece)
    if not name[0].isupper() or len(label.wording) < _LEAST_HEADING or is_implausible(context, cell, piece):
        return False
    below = column_below(context, cell, limit=1, max_gap=1.0)
    return bool(below) and is_address(below[0].text)


def _below(context: DocumentContext, cell: Cell) -> tuple[Cell, Span] | None:
    """The first name under a heading; a form below it may say which line the name is."""
    western = context.language is not Language.JAPANESE
    for other in column_below(context, cell, limit=5, max_gap=2.5):
        if western and has_town(other.text) and not _has_number(other):
            return None  # the address has no name, and what comes below it is none
        if is_header(other):
            return None
        following = _after_label(context, other)
        if following is not None and _NAME_LABEL.match(other.text):
            piece = name_span(following, start=following.start + len(following.text) - len(following.text.lstrip(": ")))
            return None if piece is None else (following, piece)
        if (
            SALUTATION.match(other.text)
            or (following is not None and following.text.startswith(":"))
            or other.text.endswith(":")
        ):
            continue
        prefix = re.match(r"([^:]{1,24}):", other.text)
        if prefix is not None and not _NAME_LABEL.match(prefix[1].strip()):
            continue
        piece = name_span(other)
        if piece is not None and not is_implausible(context, other, piece):
            return other, piece
    return None


def _after_label(context: DocumentContext, cell: Cell) -> Cell | None:
    row = context.shared(find_cells)[cell.facts.row.number]
    return next((other for other in row if other.start > cell.start), None)
