"""Numbers written in kanji: plain ones (二〇二六, 十二) and the formal ones of receipts and cheques (壱万弐千参百)."""

from __future__ import annotations

_DIGITS = {
    **dict.fromkeys("〇○零", 0),
    **dict.fromkeys("一壱壹弌", 1),
    **dict.fromkeys("二弐貳貮弍", 2),
    **dict.fromkeys("三参參叁弎", 3),
    **dict.fromkeys("四肆", 4),
    **dict.fromkeys("五伍", 5),
    **dict.fromkeys("六陸", 6),
    **dict.fromkeys("七漆柒", 7),
    **dict.fromkeys("八捌", 8),
    **dict.fromkeys("九玖", 9),
    **{str(digit): digit for digit in range(10)},
}
# 捨 is what the recogniser makes of 拾.
_UNITS = {**dict.fromkeys("十拾捨", 10), **dict.fromkeys("百佰陌", 100), **dict.fromkeys("千阡仟", 1000)}
_MYRIADS = {**dict.fromkeys("万萬", 10_000), "億": 100_000_000}

KANJI_DIGITS = "〇○零一壱壹弌二弐貳貮弍三参參叁弎四肆五伍六陸七漆柒八捌九玖"
"""What stands for a digit; for a pattern's class of characters."""
KANJI_UNITS = "十拾捨百佰陌千阡仟万萬億"
"""What multiplies; likewise."""


_LONGEST = 24
"""Characters; no sum of money has more."""
_GROUP_DIGITS = 4


def read_kanji_number(printed: str) -> int | None:
    """The value of a number in kanji, Arabic digits among them allowed (12万3千); None where it is not one.

    Units must descend (百 after 千, 万 after 億). Several digits in a row are the whole number (二〇二六), what a
    myriad multiplies or is followed by (二五〇〇万, 2万500), or Arabic ones before the first unit (25千) or after one,
    as far as its noughts go (3千500). Anywhere else one digit stands: 三五百 and 十二三 are no numbers.
    """
    if len(printed) > _LONGEST:
        return None
    if not any(character in _UNITS or character in _MYRIADS for character in printed):
        return _value(printed) if printed and all(character in _DIGITS for character in printed) else None
    total, group, digits_read = 0, 0, ""
    least_myriad, least_unit = 10**12, 10**4
    for character in printed:
        if character in _DIGITS:
            digits_read += character
        elif (unit := _UNITS.get(character)) is not None:
            is_first = not total and not group
            if unit >= least_unit or (len(digits_read) > 1 and not (is_first and digits_read.isascii())):
                return None
            group += (_value(digits_read) if digits_read else 1) * unit
            digits_read, least_unit = "", unit
        elif (myriad := _MYRIADS.get(character)) is not None:
            may_end = _may_end(digits_read, least_unit, is_first=not total)
            group += _value(digits_read)
            if myriad >= least_myriad or group == 0 or not may_end:
                return None
            total += group * myriad
            group, digits_read, least_myriad, least_unit = 0, "", myriad, 10**4
        elif character != ",":
            return None
    return total + group + _value(digits_read) if _may_end(digits_read, least_unit, is_first=False) else None


def _may_end(digits: str, least_unit: int, *, is_first: bool) -> bool:
    """Whether digits may end a group of four, behind its smallest unit (10,000 where it has none)."""
    if len(digits) <= 1:
        return True
    noughts = len(str(least_unit)) - 1
    if digits.isascii():
        return len(digits) <= noughts
    return noughts == _GROUP_DIGITS and (len(digits) == noughts or (is_first and len(digits) < noughts))


def _value(digits: str) -> int:
    return int("".join(str(_DIGITS[digit]) for digit in digits) or "0")
