"""Holders that no key names: by their form, by where they stand, or since the document names them elsewhere too."""

from __future__ import annotations

import re
from collections import defaultdict

from postprocess_svc.fields.accounts import zengin
from postprocess_svc.fields.accounts.draft import Draft
from postprocess_svc.fields.accounts.holder_text import OTHER_COLUMN, SAME_AS_BEFORE, name_within
from postprocess_svc.fields.accounts.keys import BETWEEN
from postprocess_svc.fields.accounts.lines import continuation
from postprocess_svc.fields.cells import Cell, find_cells, is_aligned
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_cjk

_KANA = re.compile(r"[ァ-ヶヽヾー･・ｦ-ﾟ]")
_NO_HOLDER = re.compile(
    r"[\d¥%:@]|手数料|負担|振込|お願い|下さい|ください|ます|です|番号|登録|合計|備考|摘要|期限|事項|案内|連絡|通信|"
    r"単位|数量|品名|^(?:名称|内容|項目|商品名?|摘要|作業内容|工事名|件名|ご請求項目)$|(?:欄|日|先|額|書|率)$"
)
_NO_NAME = re.compile(
    r"^[)\]」』]?[はがをにのともでへ]|[※★。、]|ご[利確連振記用了請入注来不質]|お[振支問知届預]|口座|銀行|金庫|支店|預金|電話|担当|手続|場合|または|いずれ|コード|住所"
)
"""What words about an account have, and no name that is believed by its place alone."""
_PERSON = re.compile(r"^[\u4e00-\u9fff々]{1,4} ?[\u4e00-\u9fff々ぁ-んァ-ヶ]{1,5}$")
_MISREAD_MARK = re.compile(r"^[1I]\)|\([1I]\)?$")
"""ユ) and (ユ, as narrow print has them read."""
_MAX_LENGTH = 40
_LEAST_ALONE = 5
_KANA_ONLY = re.compile(r"[ァ-ヶー ]+")
_LEAST_KANA = 3
_KANA_SHARE = 0.7
_MAX_GAP = 2.0
"""Line heights between an account's number and a holder below it that no key names."""
_BEGINNING = 3
_LEAST_COMMON = 4
_MOST_ROWS = 400
"""Beyond them a document is a list, and its lines are no parties."""


def may_be_holder(context: DocumentContext, draft: Draft, cell: Cell, start: int, end: int) -> bool:
    """What follows an account's number without a key may be its holder.

    Kana, a firm, a person right after it; the rest of the number's own line; a line below that begins as another of the
    document does, which the issuer's name would.
    """
    text = cell.facts.row.text[start:end].strip(BETWEEN.replace("(", "").replace(")", ""))
    if SAME_AS_BEFORE.fullmatch(text) is not None:
        return True
    text = _MISREAD_MARK.sub("", OTHER_COLUMN.split(text)[0])
    text = text[slice(*name_within(text))]
    if sum(map(str.isalpha, text)) < 2 or len(text) > _MAX_LENGTH or _NO_HOLDER.search(text):
        return False
    if not _is_near(draft, cell):
        return False
    if is_name(text):
        return True
    if draft.number_cell is None or _is_labelled(cell, start, end):
        return False
    return _is_person(draft.number_cell, cell, text) or _is_placed(context, draft, cell, (start, text))


def is_guessed(context: DocumentContext, cell: Cell, start: int, end: int) -> bool:
    """Neither its form nor another line of the document says that it names someone; its place alone does."""
    text = OTHER_COLUMN.split(cell.facts.row.text[start:end].strip(BETWEEN))[0]
    return not is_name(text) and not _is_named_elsewhere(context, cell, text)


def is_banks_form(text: str) -> bool:
    """A name as banks write it: in kana all through, or with a legal form's abbreviation."""
    is_short = sum(map(str.isalpha, text)) < _LEAST_ALONE or len(text) > _MAX_LENGTH
    if is_short or _NO_HOLDER.search(text) is not None:
        return False
    return zengin.is_kana_name(text) and (zengin.is_marked(text) or _KANA_ONLY.fullmatch(text) is not None)


def is_name(text: str) -> bool:
    """In kana, or with a legal form."""
    marked = zengin.is_marked(text)
    kana = len(_KANA.findall(text))
    if kana >= _LEAST_KANA and (marked or kana >= _KANA_SHARE * sum(map(str.isalpha, text))):
        return True
    if marked and zengin.is_kana_name(text):
        return True
    return names.has_japanese_form(names.mended(text)) or zengin.is_marked(zengin.mended(text))


def begins_holder(context: DocumentContext, cell: Cell, start: int, end: int) -> bool:
    """The first letters of a holder in kana whose rest, with the closing abbreviation, stands in the next line."""
    begun = cell.facts.row.text[start:end].strip()
    if not 0 < len(begun) <= _MAX_LENGTH or end < cell.end or not has_cjk(begun):
        return False
    below = continuation(context, cell)
    if below is None or not below.text:
        return False
    whole = zengin.mended(begun + below.text)
    return zengin.CLOSING.search(whole) is not None and zengin.is_kana_name(whole)


def _is_person(number: Cell, cell: Cell, text: str) -> bool:
    """A person's or a club's name beside the number or right under it."""
    if _PERSON.match(text) is None and not names.has_trade_word(text):
        return False
    rows_below = cell.facts.row.number - number.facts.row.number
    return rows_below == 0 or (rows_below == 1 and is_aligned(number.extent, cell.extent))


def _is_placed(context: DocumentContext, draft: Draft, cell: Cell, part: tuple[int, str]) -> bool:
    """The rest of the number's own line, or a line below that begins as another of the document."""
    start, text = part
    if _NO_NAME.search(text) is not None:
        return False
    if draft.number_cell is cell:
        return start >= draft.number_end and has_cjk(text)
    return _is_named_elsewhere(context, cell, text)


def _is_labelled(cell: Cell, start: int, end: int) -> bool:
    return any(start <= label.start < end for label in cell.facts.labels)


def _is_near(draft: Draft, cell: Cell) -> bool:
    """It stands beside the number or close below it, as an account's lines do."""
    number = draft.number_cell
    if number is None or cell.facts.row.number <= number.facts.row.number:
        return True
    return cell.extent.top - number.extent.bottom < _MAX_GAP * min(number.extent.height, cell.extent.height)


def _is_named_elsewhere(context: DocumentContext, cell: Cell, text: str) -> bool:
    """Another cell of the document is the beginning of a text, or begins as it does."""
    sought = text.replace(" ", "")
    return any(
        row != cell.facts.row.number and (sought.startswith(other) or sought[:_LEAST_COMMON] == other[:_LEAST_COMMON])
        for row, other in context.shared(_beginnings).get(sought[:_BEGINNING], ())
    )


def _beginnings(context: DocumentContext) -> dict[str, list[tuple[int, str]]]:
    """Cells that may name someone who is not addressed, with their rows, by their first characters."""
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in context.shared(find_cells)[:_MOST_ROWS]:
        for cell in row:
            text = cell.text.replace(" ", "")
            if _BEGINNING <= len(text) <= _MAX_LENGTH and has_cjk(text) and names.HONORIFIC.search(text) is None:
                found[text[:_BEGINNING]].append((cell.facts.row.number, text))
    return found
