"""What stands in the columns of a table, by their headers or by what their cells look like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum, auto
from functools import lru_cache
from importlib import resources

from postprocess_svc.fields.values.folding import is_cjk, squash

_FILE = "headers.txt"
_BRACKETS = re.compile(r"\(.*?\)|\[.*?\]|<.*?>|[:;|]")
_BEFORE = re.compile(r"^(?:1(?=[^\W\d_])|[■□●○◆◇▼▽・]+)")
"""One (1単位価格), or a mark."""
_MIN_PART = 2
_MAX_HEADER = 24


class Column(StrEnum):
    """What a column holds."""

    DESCRIPTION = auto()
    QUANTITY = auto()
    UNIT = auto()
    UNIT_PRICE = auto()
    AMOUNT = auto()
    TAX_RATE = auto()
    TAX_AMOUNT = auto()
    DISCOUNT = auto()
    CODE = auto()
    DATE = auto()
    REMARKS = auto()


_JAPANESE_ENDINGS = (
    (Column.UNIT_PRICE, "単価 単位価格 当り価格 あたり価格"),
    (Column.TAX_RATE, "税率 税区分"),
    (Column.TAX_AMOUNT, "税額 税"),
    (Column.DISCOUNT, "引 引額 引率 掛率 割引額"),
    (Column.DATE, "日 日付 期間 期日 年月"),
    (Column.AMOUNT, "額 価格 料金 代金 売価 計"),
    (Column.QUANTITY, "数 数量 量 時間"),
    (Column.UNIT, "単位"),
    (Column.DESCRIPTION, "名 名称 品目 品名 項目 内容 明細 内訳 摘要 種別 種目 費目 業務 用途"),
    (Column.REMARKS, "備考 欄"),
)
"""In the order in which they are asked; squashed, without voicing marks."""
_GERMAN_ENDINGS = (
    (Column.QUANTITY, "zahl menge stunden"),
    (Column.UNIT_PRICE, "einzelpreis stuckpreis einheitspreis"),
    (Column.TAX_RATE, "steuersatz"),
    (Column.TAX_AMOUNT, "steuerbetrag"),
    (Column.AMOUNT, "gesamtpreis betrag wert summe"),
    (Column.UNIT_PRICE, "preis"),
    (Column.DESCRIPTION, "bezeichnung beschreibung leistung"),
)


@lru_cache(maxsize=1)
def column_words() -> Mapping[str, Column]:
    """Every wording, squashed; of those in several columns' lists, the first counts.

    Raises:
        ValueError: the file names a column that does not exist.
    """
    found: dict[str, Column] = {}
    column: Column | None = None
    for line in resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            column = Column(line.strip("[] "))
        elif column is not None:
            for part in line.split("|"):
                if part.strip():
                    found.setdefault(squash(part.strip()), column)
    return found


def column_of(header: str) -> Column | None:
    """What a header says of its column; None where it says nothing that is known."""
    squashed = squash(header)
    bare = _BEFORE.sub("", _BRACKETS.sub("", squashed) or _BRACKETS.sub("", squashed.strip("()[]<>")))
    words = column_words()
    if bare in words:
        return words[bare]
    if not bare or len(bare) > _MAX_HEADER:
        return None
    if is_cjk(bare[0]):
        for length in range(len(bare) - 1, _MIN_PART - 1, -1):
            for part in (bare[:length], bare[-length:]):
                if part in words:
                    return words[part]
        return _by_ending(bare, _JAPANESE_ENDINGS)
    # Words of a Latin header: the first that are known (Unit Price Disc.).
    parts = [squash(part) for part in _BRACKETS.sub(" ", header.lower()).split()]
    for length in range(len(parts) - 1, 0, -1):
        for start in range(len(parts) - length + 1):
            joined = "".join(parts[start : start + length])
            if joined in words:
                return words[joined]
    return _by_ending(bare, _GERMAN_ENDINGS)


def _by_ending(bare: str, endings: Sequence[tuple[Column, str]]) -> Column | None:
    """What the end of a compound says, where the whole is not known: both languages put last what a thing is."""
    return next((column for column, listed in endings if bare.endswith(tuple(listed.split()))), None)


def columns_of_header(headers: Sequence[tuple[int, str]]) -> dict[Column, int]:
    """What columns hold, of (column, header) from left to right: of two alike the first, of amounts the last."""
    found: dict[Column, int] = {}
    for number, header in headers:
        column = column_of(header)
        if column is not None and (column not in found or column is Column.AMOUNT):
            found[column] = number
    return found


_NAMES_ITEMS = frozenset({Column.DESCRIPTION, Column.CODE, Column.DATE})
_COUNTS_ITEMS = frozenset({Column.AMOUNT, Column.UNIT_PRICE, Column.QUANTITY})


def is_item_header(columns: Mapping[Column, int]) -> bool:
    """Whether a table with these columns lists items: it names them and says how many or how much."""
    named = bool(_NAMES_ITEMS & columns.keys())
    counted = len(_COUNTS_ITEMS & columns.keys())
    return (Column.DESCRIPTION in columns and counted > 0) or (named and counted > 1) or counted > 2
