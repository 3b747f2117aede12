"""Accounts that are no one's to pay into: the payer's own, which is debited (引き落とし), and closed ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from postprocess_svc.fields.candidate import Span
from postprocess_svc.fields.cells import find_cells
from postprocess_svc.fields.context import DocumentContext

_DEBITED = re.compile(r"引き?落|口座振替|自動振替|自動払込")
_PAID_INTO = re.compile(r"(?:振込み?|送金|入金|支払い?|払込)先|振込み?口座|振り?込(?!み?手数料)")
_CLOSED = re.compile(
    r"旧(?:口座|振込|銀行|取引|[)\]:])|解約(?:済|いた|し|と)|閉鎖|廃止|使用(?:でき|不可|しておりま|いたしませ|しませ|を?終了)|使え(?:ません|ない)"
    r"|(?:送金|振込み?|入金)は?(?:なさら|しない|できません|いただけません|になれません)"
    r"|利用(?:いただけ|でき|になれ)(?:ません|なく)|former account|no longer (?:in use|valid)|do not use|closed",
    re.IGNORECASE,
)
_MAX_GAP = 1.5
"""Line heights between an account and a line that says what it is for."""


def is_debited(context: DocumentContext, numbers: Collection[int]) -> bool:
    """Whether the lines of an account, or those right above and below it, say that it is debited.

    Args:
        context: The document.
        numbers: Of the rows that the account stands in.
    """
    rows = context.shared(find_cells)
    own = [cell for number in numbers for cell in rows[number]]
    if not own:
        return False
    left, right = min(cell.extent.left for cell in own), max(cell.extent.right for cell in own)
    top, bottom = min(cell.extent.top for cell in own), max(cell.extent.bottom for cell in own)
    height, page = own[0].extent.height, own[0].facts.row.page
    beside = [
        cell
        for number in (min(numbers) - 1, max(numbers) + 1)
        if 0 <= number < len(rows)
        for cell in rows[number]
        if cell.facts.row.page == page
        and cell.extent.left < right
        and cell.extent.right > left
        and max(top - cell.extent.bottom, cell.extent.top - bottom) < _MAX_GAP * height
    ]
    texts = [cell.text for cell in (*own, *beside)]
    return any(map(_DEBITED.search, texts)) and not any(map(_PAID_INTO.search, texts))


def is_closed(spans: Iterable[Span]) -> bool:
    """Whether the text that an account stands in says that nothing is to be paid there any more."""
    return any(_CLOSED.search(text) is not None for text in {_cell_text(piece) for piece in spans})


def _cell_text(piece: Span) -> str:
    """The row's text between the tabs around a span."""
    text = piece.row.text
    end = text.find("\t", piece.end)
    return text[text.rfind("\t", 0, piece.start) + 1 : len(text) if end < 0 else end]
