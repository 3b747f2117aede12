"""What stands in the columns of a table, by their headers or by what their cells look like."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum, auto
from functools import lru_cache
from importlib import resources

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.values.folding import is_cjk, squash

_FILE = "headers.txt"
_BRACKETS = re.compile(r"\(.*?\)|\[.*?\]|<.*?>|[:;|]")
_BEFORE = re.compile(r"^(?:1(?=[^\W\d_])|[■□●○◆◇▼▽・]+)")
"""One (1単位価格), or a mark."""
_AROUND = re.compile(r"^(?:うち|内(?!容|訳)|御|ご)(?=..)|(?<=..)[等他]$")
"""What a header says of its wording: うち消費税等, 台数等."""
_SPLIT = re.compile(r"[\s/・|]+")
_MIN_PART = 2
_MAX_HEADER = 24


class Column(StrEnum):
    """What a column holds."""

    DESCRIPTION = auto()
    QUANTITY = auto()
    UNIT = auto()
    UNIT_PRICE = auto()
    AMOUNT = auto()
    AMOUNT_PART = auto()
    """One of several columns that amounts stand in by kind: taxed or not, parts or work."""
    TAX_RATE = auto()
    TAX_AMOUNT = auto()
    DISCOUNT = auto()
    CODE = auto()
    DATE = auto()
    REMARKS = auto()


_JAPANESE_ENDINGS = (
    (Column.UNIT_PRICE, "単価 単位価格 当り価格 あたり価格 価 値"),
    (Column.TAX_RATE, "税率 税区分"),
    (Column.TAX_AMOUNT, "税額 税"),
    (Column.DISCOUNT, "引 引額 引率 掛率 割引額"),
    (Column.DATE, "日 日付 期間 期日 年月"),
    (Column.AMOUNT, "額 価格 料金 代金 売価 計 料"),
    (Column.QUANTITY, "数 数量 量 時間"),
    (Column.UNIT, "単位"),
    (
        Column.DESCRIPTION,
        "名 名称 品目 品名 項目 内容 明細 内訳 摘要 種別 種目 費目 業務 用途 箇所 工種 費用 作業 作品 部品 商品 製品",
    ),
    (Column.REMARKS, "備考 欄"),
)
"""In the order in which they are asked, the longest ending first; squashed, without voicing marks."""
_GERMAN_ENDINGS = (
    (Column.QUANTITY, "zahl menge stunden"),
    (Column.UNIT_PRICE, "einzelpreis stuckpreis einheitspreis"),
    (Column.TAX_RATE, "steuersatz"),
    (Column.TAX_AMOUNT, "steuerbetrag"),
    (Column.AMOUNT, "gesamtpreis betrag wert summe"),
    (Column.UNIT_PRICE, "preis"),
    (Column.DESCRIPTION, "bezeichnung beschreibung leistung"),
)
_WEAK_ENDING = "料"
"""Of fees by kind, beside which their sum may stand."""
_ELSEWHERE = re.compile(r"前[回月期年残]|累計|契約|予算|残高|繰越|入金|当残|指数|指針|入数")
"""Numbers of another time, of the whole, or of what is in a box: such columns are the last to be believed."""
_THIS_TIME = re.compile(r"^(?:今[回月期]|当[月期])")
_CURRENCIES = frozenset(
    "eur euro euros usd us$ s$ $ jpy gbp chf sgd myr rm inr rs € £ ¥ yen".split()  # noqa: SIM905 - read as a list of words
)

_MAX_LIST_COLUMNS = 4
_ENDS_NO_HEADER = re.compile(r"[:：\d]|様|御中|〒")
"""What a header of items is not."""
_FAR = 1_000
_LEVELS = 3
"""Of wordings: those that say it, those that may, those that say something else where anything better stands beside."""


@value
class Meaning:
    """What a header says of its column; of several that say the same, the one with the lower doubt is believed."""

    column: Column
    doubt: tuple[int, int]
    """The wording's level, then how it was found: whole, as a part, by its ending."""


@lru_cache(maxsize=1)
def _wordings() -> Mapping[str, tuple[Column, int]]:
    """Every wording, squashed, with its level; of those in several columns' lists, the first counts.

    Raises:
        ValueError: the file names a column that does not exist.
    """
    found: dict[str, tuple[Column, int]] = {}
    column: tuple[Column, int] | None = None
    for line in resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name, _, level = line.strip("[] ").partition(" ")
            column = Column(name), int(level or 0)
        elif column is not None:
            for part in line.split("|"):
                if part.strip():
                    found.setdefault(squash(part.strip()), column)
    return found


def column_words() -> Mapping[str, Column]:
    """Every wording, squashed, and what it says."""
    return {wording: column for wording, (column, _) in _wordings().items()}


def column_of(header: str) -> Column | None:
    """What a header says of its column; None where it says nothing that is known."""
    meaning = meaning_of(header)
    return None if meaning is None else meaning.column


def meaning_of(header: str) -> Meaning | None:
    """What a header says of its column, and how well; None where it says nothing that is known."""
    squashed = squash(header)
    bare = _BEFORE.sub("", _BRACKETS.sub("", squashed) or _BRACKETS.sub("", squashed.strip("()[]<>")))
    words = _wordings()
    if bare in words:
        return _meaning(bare, bare, 0)
    if not bare or len(bare) > _MAX_HEADER:
        return None
    if is_cjk(bare[0]):
        return _japanese_meaning(bare)
    # Words of a Latin header: the longest that is known, the first of several (Unit Price Disc.).
    parts = [part for each in _SPLIT.split(_BRACKETS.sub(" ", header.lower())) if (part := squash(each))]
    parts = [part for part in parts if part not in _CURRENCIES] or parts
    for length in range(len(parts) - 1 or 1, 0, -1):
        for start in range(len(parts) - length + 1):
            joined = "".join(parts[start : start + length])
            if joined in words:
                return _meaning(joined, bare, 1)
    return _by_ending(bare, _GERMAN_ENDINGS)


def _japanese_meaning(bare: str) -> Meaning | None:
    words, core = _wordings(), _AROUND.sub("", bare)
    if core in words:
        return _meaning(core, bare, 0)
    for length in range(len(core) - 1, _MIN_PART - 1, -1):
        for part in (core[-length:], core[:length]):  # what a thing is stands last: 割引後金額
            if part in words:
                return _meaning(part, bare, 1)
    return _by_ending(core, _JAPANESE_ENDINGS)


def _meaning(wording: str, bare: str, found: int) -> Meaning:
    column, level = _wordings()[wording]
    return Meaning(column=column, doubt=(_level(column, level, bare), found))


def _level(column: Column, level: int, bare: str) -> int:
    if column in {Column.AMOUNT, Column.QUANTITY, Column.AMOUNT_PART}:
        if _ELSEWHERE.search(bare) is not None:
            return _LEVELS
        if _THIS_TIME.search(bare) is not None:
            return -1
    return level


def _by_ending(bare: str, endings: Sequence[tuple[Column, str]]) -> Meaning | None:
    """What the end of a compound says, where the whole is not known: both languages put last what a thing is."""
    column = next((column for column, listed in endings if bare.endswith(tuple(listed.split()))), None)
    level = 2 if bare.endswith(_WEAK_ENDING) else 1
    return None if column is None else Meaning(column=column, doubt=(_level(column, level, bare), 2))


Headers = Mapping[Column, Sequence[int]]
"""Which columns may hold what, the likeliest first."""


def columns_of_header(headers: Sequence[tuple[int, str]]) -> dict[Column, list[int]]:
    """What columns may hold, of (column, header) from left to right: of two alike the first, of amounts the last.

    Where a tax stands between two amounts, the one before it is what was delivered, the one behind it what is owed.
    """
    meanings = [(at, meaning) for at, header in headers if (meaning := meaning_of(header)) is not None]
    taxes = [at for at, meaning in meanings if meaning.column in {Column.TAX_AMOUNT, Column.TAX_RATE}]
    amounts = [at for at, meaning in meanings if meaning.column is Column.AMOUNT]
    found: dict[Column, list[tuple[bool, tuple[int, int], int, int]]] = {}
    for at, meaning in meanings:
        order = at
        if meaning.column is Column.AMOUNT:
            # Net, VAT, Total: the net one. A rate before all of them says nothing.
            is_net = any(at < tax < other for tax in taxes for other in amounts)
            order = at if is_net else _FAR - at
        # Words behind the amounts say more of an item, not what it is.
        is_behind = meaning.column is Column.DESCRIPTION and bool(amounts) and at > amounts[-1]
        found.setdefault(meaning.column, []).append((is_behind, meaning.doubt, order, at))
    return {column: [at for *_, at in sorted(listed)] for column, listed in found.items()}


_NAMES_ITEMS = frozenset({Column.DESCRIPTION, Column.CODE, Column.DATE})
_COUNTS_ITEMS = frozenset({Column.AMOUNT, Column.UNIT_PRICE, Column.QUANTITY})


def is_item_header(columns: Collection[Column]) -> bool:
    """Whether a table with these columns lists items: it names them and says how many or how much."""
    kinds = {Column.AMOUNT if column is Column.AMOUNT_PART else column for column in columns}
    named = bool(_NAMES_ITEMS & kinds)
    counted = len(_COUNTS_ITEMS & kinds)
    return (Column.DESCRIPTION in kinds and counted > 0) or (named and counted > 1) or counted > 2


def may_be_item_header(columns: Headers, headers: Sequence[tuple[int, str]]) -> bool:
    """Whether headers, not all of which are known, may be those of items, if the cells below them say so.

    Two that count something, or that of the amounts beside words that are no other column's.
    """
    if is_item_header(columns):
        return True
    counted = {Column.AMOUNT if each is Column.AMOUNT_PART else each for each in columns} & _COUNTS_ITEMS
    known = {at for listed in columns.values() for at in listed}
    others = [header for at, header in headers if at not in known]
    is_short = len(headers) <= _MAX_LIST_COLUMNS and bool(others)
    # Net, VAT and Total above words that have no header.
    by_tax = len(columns.get(Column.AMOUNT, ())) > 1 and bool({Column.TAX_AMOUNT, Column.TAX_RATE} & columns.keys())
    return (
        len(counted) > 1 or by_tax or (is_short and Column.AMOUNT in columns and not _ENDS_NO_HEADER.search(others[0]))
    )
