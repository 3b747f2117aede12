"""Which texts are values: quantities, prices, amounts, rates."""

from __future__ import annotations

import re
import unicodedata

# A number with what is printed around one: marks, a currency, a short unit. Dates, times, postcodes and phone numbers
# have their numbers joined by other marks.
# Before it may stand how many: 2点¥520.
_VALUE = re.compile(
    r"(?:\d{1,3} ?[点個コケ枚本杯名] ?(?=[¥\\\d]))?"
    r"[^\w\d]{0,3}(?:(?:EUR|USD|GBP|CHF|JPY|MYR|SGD|INR|RM|Rs\.?|S\$|US\$) ?)?[-+▲△(]?[¥$€£₹\\]? ?[-+▲△(]?\d[\d.,' ]*"
    r"[-%*※軽#]{0,2} ?(?:[^\W\d]{1,4}\.?|\$|€|£|%)?[^\w\d]{0,3}(?: ?[A-Z※*軽#]{1,2})?"
)
_SPAN_OF_WORK = re.compile(r"\d ?(?:人[日月時]|[ヶケか箇カ]月)$")
_NOTE = re.compile(
    r"[「『\[(（]?[※＊*★☆◎◆●#][」』\])）]?(?:印|マーク)?\s*(?:[:：…=＝・はがの]|.{0,4}軽減|.{0,4}8\s?%)|[:：…]|注[:：記意)）]"
)
_LONG_NUMBER = re.compile(r"\d{8}")
_MAX_CHARACTERS = 24
_FIRST_LETTERS = frozenset("EUGCJMSIR")
"""Of the currencies that a value may begin with."""
_NO_UNITS = frozenset("年月日時分号価格額率量数")
"""What a number is followed by in dates and headers (1単位価格)."""


def is_value(text: str) -> bool:
    """Whether a text is a number and little more."""
    if len(text) > _MAX_CHARACTERS:
        return False
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if text[:1].isalpha() and text[0] not in _FIRST_LETTERS:  # the cheap question: most texts are words
        return False
    if text[-1:] in _NO_UNITS and _SPAN_OF_WORK.search(text) is None:
        return False
    return _VALUE.fullmatch(text) is not None and _LONG_NUMBER.search(text) is None


def is_note(text: str) -> bool:
    """Whether a text says what a mark means, or is a note: no cell goes on with it."""
    return _NOTE.match(text) is not None
