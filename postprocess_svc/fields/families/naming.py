"""What recipient and issuer have in common: telling a name from what is none, and the names that labels speak for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postprocess_svc.fields.candidate import Span
from postprocess_svc.fields.cells import Cell, column_below, find_cells
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.name_parts import is_agent, is_set_off
from postprocess_svc.fields.families.name_spans import CONTACT, has_form, name_span, name_text
from postprocess_svc.fields.labels import Label, is_nearly_title
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.addresses import has_town, is_address
from postprocess_svc.fields.values.folding import is_kana
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

_NAME_LABEL = re.compile(
    r"^(?:name|firma|company(?: name)?|nom|naam|会社名|氏名|名称|社名|貴社名)\s*:?$", re.IGNORECASE
)
SEPARATORS = re.compile(r"\s*(?:[·•|*;]|\s-\s|,\s|\s–\s)\s*")
_SENDERS_SEPARATORS = re.compile(r"\s*[·•|*;]|\s?[-–]\s|\s[-–]|,\s|\s{2,}")
SALUTATION = re.compile(
    r"^(?:herrn?|frau|firma|an|to|mr|mrs|ms|monsieur|madame|m\.|mme|familie|company|z\. ?hd\.?)[ .:]*$", re.IGNORECASE
)
_PAID_BY = ("receivedfrom", "recude", "erhaltenvon", "recibi", "ricevutoda", "ontvangenvan")
"""Labels, as they are compared, that on a receipt no other than a name follows."""
_MAX_NAME = 60
_MONEY_IN_WORDS = re.compile(r"^金.*(?:円|也)$")
_BANK_LINE = re.compile(r"(?:銀行|信用金庫|信用組合|協同組合|労働金庫).{0,16}(?:支店|営業部|出張所|普通|当座)")
_NO_NAME = re.compile(
    r"(?:請求書|領収書|領収証|納品書|明細書|見積書|計算書|通知書|検針票|[のご]案内|お知らせ|指針|検針|使用量|(?:請求|利用|使用)分)$"
    r"|^(?:[ごお御]?(?:注意|連絡|特記|確認|留意)事項|.{0,4}保険(?:種別|区分|証)?|負担割合|氏名|名称|住所|処方箋|国保|社保|料金(?:後|別)納.*|郵便区内特別|親展|.{0,6}在中|(?:重要|転送不要).*|様式.{0,8}|ページ.{0,6}|\(.{1,24}\)|.{0,8}第\d+(?:号|条).{0,6}|配車|本社|本店|ご?予約|受付|.{0,8}\d割)$|必要です|(?:この|本)(?:領収|請求|明細)"
    r"|^\D{0,2}\d{0,2}(?:テーブル|卓|席|レジ|責)[|\s]*(?:No\.?)?[|\s]*\d+$"
    r"|^(?:取引|伝票|受付|会計|領収証?|レシート)[|\s]*No\b",
    re.IGNORECASE,
)
"""Titles, headings and the cells of forms."""
_SEAL = re.compile(r"[\[(].{0,4}印[\])]")
"""Where a seal goes: [社印], (理事長印)."""
_PRINCIPAL = re.compile(r"代理人\)?$|^\(.+代理\)$")
"""For whom the name beside it acts: 貸主 見本合名会社 代理人."""
_AFFILIATION = re.compile(
    r"(?:an? )?(?:proud )?(?:member|part|division|subsidiary|affiliate) of "
    r"|an? (?:[\w&.-]+ ){0,3}(?:company|brand)(?: of |$)"
    r"|eine? (?:unternehmen|mitglied|gesellschaft|tochter\w*|marke) de[rs] |(?:mitglied|teil) de[rs] "
    r"|(?:une )?(?:société|entreprise|filiale|marque|membre) du (?:groupe|réseau) "
    r"|una? (?:società|azienda|empresa|sociedad) del (?:gruppo|grupo) |(?:een )?onderdeel van ",
    re.IGNORECASE,
)
"""Whose group the issuer belongs to, which such a line names in the issuer's place."""
_MARKS_OF_NO_NAME = frozenset("¥%:@")
_REGISTERED = frozenset({Role.REGISTRATION, Role.TAX_NUMBER})
_COLUMNS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_NUMBER_ENDINGS = ("番号", "コート")
"""Of wordings as they are compared, ド without its mark."""
_SHORTEST_SENDER = 20
_LEAST_HEADING = 5
_LONGEST_TITLE = 32
_LOGO_SIZE = 1.6
"""Of a name set from the top down, over the page's ordinary height: other columns of text are no names."""
# Line heights between a label and its name in the same row.
_REACH = 15.0
_REACH_WITHOUT_COLON = 6.0


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
    if (
        _names_another(name)
        or not _MARKS_OF_NO_NAME.isdisjoint(name)
        or names.is_web(name)
        or _MONEY_IN_WORDS.match(name)
    ):
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


def _names_another(name: str) -> bool:
    """A group that somebody belongs to, a principal whose agent speaks, or where the seal goes."""
    if name[0].isascii() and name[0].isalpha():
        return _AFFILIATION.match(name) is not None
    return ("代理" in name and _PRINCIPAL.search(name) is not None) or _SEAL.fullmatch(name) is not None


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
    if not own or role not in own[0].roles or own[0].start > cell.start + 1 or is_agent(cell):
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
            or (label.wording.startswith(_PAID_BY) and name_text(piece)[0].isupper())
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
