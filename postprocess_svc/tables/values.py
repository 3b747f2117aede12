"""Which texts are values: quantities, prices, amounts, rates."""

from __future__ import annotations

import re
import unicodedata

# A number with what is printed around one: marks, a currency, a short unit. Dates, times, postcodes and phone numbers
# have their numbers joined by other marks.
_VALUE = re.compile(
    r"[^\w\d]{0,3}(?:(?:EUR|USD|GBP|CHF|JPY|MYR|SGD|INR|RM|Rs\.?|S\$|US\$) ?)?[-+▲△(]?[¥$€£₹\\]? ?[-+▲△(]?\d[\d.,' ]*"
    r"[-%*※軽#]{0,2} ?(?:[^\W\d]{1,4}\.?|\$|€|£|%)?[^\w\d]{0,3}(?: ?[A-Z※*軽#]{1,2})?"
)
_LONG_NUMBER = re.compile(r"\d{8}")
_MAX_CHARACTERS = 24


def is_value(text: str) -> bool:
    """Whether a text is a number and little more."""
    if len(text) > _MAX_CHARACTERS:
        return False
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _VALUE.fullmatch(text) is not None and text[-1:] not in "年月日時分号" and _LONG_NUMBER.search(text) is None
