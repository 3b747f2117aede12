"""What stands in the columns of a table, by their headers or by what their cells look like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum, auto
from functools import lru_cache
from importlib import resources

from postprocess_svc.fields.labels import squash
from postprocess_svc.fields.values.folding import is_cjk

_FILE = "headers.txt"
_BRACKETS = re.compile(r"\(.*?\)|\[.*?\]|<.*?>|[:;|]")
_MIN_PART = 2


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
    bare = _BRACKETS.sub("", squashed) or _BRACKETS.sub("", squashed.strip("()[]<>"))
    words = column_words()
    if bare in words:
        return words[bare]
    if len(bare) > 24:
        return None
    if bare and is_cjk(bare[0]):
        for length in range(len(bare) - 1, _MIN_PART - 1, -1):
            for part in (bare[:length], bare[-length:]):
                if part in words:
                    return words[part]
        return None
    # Words of a Latin header: the first that are known (Unit Price Disc.).
    parts = [squash(part) for part in _BRACKETS.sub(" ", header.lower()).split()]
    for length in range(len(parts) - 1, 0, -1):
        for start in range(len(parts) - length + 1):
            joined = "".join(parts[start : start + length])
            if joined in words:
                return words[joined]
    return None


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
