"""Rows that sum up or settle, and are no items: subtotals, taxes, totals, payments."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate

from postprocess_svc.fields.values.folding import is_cjk, squash
from postprocess_svc.fields.vocabulary import Role, wordings

_SUMMARY_ROLES = (
    Role.TOTAL_DUE, Role.TOTAL, Role.SUBTOTAL, Role.TAX, Role.TAX_BASE, Role.WITHHOLDING, Role.PREVIOUS, Role.PAID,
    Role.TENDERED, Role.CHANGE, Role.POINTS, Role.COUNT, Role.INCLUSIVE, Role.EXCLUSIVE, Role.ROUNDING, Role.AMOUNT,
)  # fmt: skip
_END_ROLES = (Role.TOTAL_DUE, Role.TOTAL, Role.TENDERED, Role.CHANGE)
_DISCOUNT_ROLES = (Role.DISCOUNT,)
_NOISE = re.compile(r"[\d%().,:;¥\\€$£\[\]<>@/+&※*|~《》〈〉「」『』■□●○◆◇・=-]|(?:rm|usd|eur|円)(?![a-z])")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_CARRIED = re.compile(
    r"[前次](?:頁|ヘー?シ|葉|紙)|繰り?越|(?:carried|brought)(?:forward|over)|ubertrag|areporter"
    r"|[前先][月回期](?:分)?(?:ご|御)?(?:未収|未払|未入金|残高?|請求)"
)
"""What goes on from one page to the next, squashed."""
_SHARE_OF = 2
"""With a rate, a word as short as this is a share of the sum: 10%分, 8%込."""
_LAST_WORDS = re.compile(r"(?:以下余白|以上|余白)")
_ENDINGS = re.compile(r"(?:summe|betrag|saldo|zahlungen|anzahlungen|zuschlage|abschlage|subtotal|totals?|gesamt)$")
"""German makes one word of what is summed up and the sum."""
_MIN_ENDING, _MAX_ENDING = 3, 12
"""Characters of a Japanese name of a sum with which a longer one ends: 当月ご請求額."""
_MOST_WORDS = 4
_MAX_TAX_CODE = 3
_JAPANESE_DISCOUNTS = ("値引", "割引", "クーポン", "まとめ割")
_AROUND = re.compile(
    r"(?:御|ご|お|今回|当月|内|うち|外|税込|税抜|税別|課税|標準|軽減|税率)*(.+?)(?:税込|税抜|税別|消費税込|対象|込|抜|分|等|円)*"
)
"""A Japanese name of a sum with what may stand before and behind it."""
_COUNTS_UP = re.compile(
    r"(?<![時設会統推家余温湿風生測圧量速度離高熱])(?<!体重)(?<!歩数)(?<!流量)(?<!メーター)計(?:額|金額)?[件点枚便名個本式a-z]?$"
)
"""What is counted up, by the last character; a clock, a thermometer and a design end with it too."""
_IS_PAID = re.compile(r"^[こご御お]?(?:入金|集金|着工時入金|内金|手付金|前受金)(?!機|口|伝|票|管)")
_TAXES = re.compile(
    r"\b(?:tax|vat|gst|jct|iva|tva|btw|mwst|ust|igst|cgst|sgst|pst|hst|qst|moms|消費税)\b", re.IGNORECASE
)
_KANA_SUMS = frozenset(
    {"タイショウ", "タイシヨウ", "コウケイ", "ショウケイ", "シヨウケイ", "ショウヒセイ", "シヨウヒセイ", "セイコウケイ"}
)
"""Sums of printers that had no kanji, squashed."""
_PAID_BEFORE = re.compile(
    r"\b(?:deposit|retainer|pre-?payments?|part payments?|payments? received|received on account|anzahlung|"
    r"abschlag|acompte|aanbetaald|anticipo|acconto)\b",
    re.IGNORECASE,
)
"""What was paid before and goes off."""
_CONTRIBUTION = re.compile(r"\bcontributo (?:integrativo|previdenziale)|\brivalsa inps", re.IGNORECASE)
"""What goes on top of fees in Italy, before the tax."""
_GOES_OFF = re.compile(r"^(?:less|plus|add|abzuglich|zuzuglich|zzgl)\b[\s:.]*", re.IGNORECASE)


@lru_cache(maxsize=1)
def _summaries() -> frozenset[str]:
    return frozenset(squash(wording) for role in _SUMMARY_ROLES for wording in wordings()[role])


@lru_cache(maxsize=1)
def _ends() -> frozenset[str]:
    return frozenset(squash(wording) for role in _END_ROLES for wording in wordings()[role])


@lru_cache(maxsize=1)
def _discounts() -> frozenset[str]:
    return frozenset(squash(wording) for role in _DISCOUNT_ROLES for wording in wordings()[role])


@lru_cache(maxsize=1)
def _some_discount() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(_discounts()))))


def names_sum(text: str) -> bool:
    """Whether a text is the name of a sum, a tax or a payment, and nothing else."""
    return _NOISE.sub("", squash(text)) in _summaries()


def ends_items(text: str) -> bool:
    """Whether a text is the name of a total or a payment: what follows it is no item."""
    return _NOISE.sub("", squash(text)) in _ends()


def is_summary(text: str) -> bool:
    """Whether a text says that its row sums up or settles; an item with quantity and price may sound so too."""
    squashed = squash(text)
    bare = _NOISE.sub("", squashed)
    if not bare:
        return "%" in text or "％" in text
    known = _summaries()
    if bare in known or _CARRIED.search(bare) is not None:
        return True
    if "(" in squashed or "[" in squashed:
        without = _NOISE.sub("", _BRACKETED.sub("", squashed))
        if without in known or (without and is_cjk(without[0]) and _COUNTS_UP.search(without) is not None):
            return True
    if len(bare) <= _SHARE_OF and is_cjk(bare[0]) and ("%" in text or "％" in text):
        return True
    japanese = next((at for at, character in enumerate(bare) if is_cjk(character)), len(bare))
    if japanese <= _MAX_TAX_CODE and _is_japanese_sum(bare[japanese:]):  # A計, JCT消費税
        return True
    return japanese > 0 and _is_latin_sum(bare, text)


def _is_japanese_sum(bare: str) -> bool:
    if not bare:
        return False
    if bare.startswith("但"):  # what a 領収書 is given for
        return True
    if _LAST_WORDS.fullmatch(bare):
        return False
    known, core = _summaries(), _AROUND.fullmatch(bare)
    return (
        core is None
        or core[1] in known
        or core[1] in {"対象", "課税"}
        or core[1] in _KANA_SUMS
        or core[1].removesuffix("相当額").removesuffix("等") in known
        or _COUNTS_UP.search(core[1]) is not None
        or _IS_PAID.search(core[1]) is not None
        or any(bare[-length:] in known for length in range(_MIN_ENDING, min(len(bare), _MAX_ENDING)))
    )


def _is_latin_sum(bare: str, text: str) -> bool:
    if "%" in text and (len(bare) <= _MAX_TAX_CODE or _TAXES.search(text) is not None):  # SR @ 6%, Sales tax, 8 %
        return True
    goes_off = _GOES_OFF.sub("", text)
    if goes_off != text and (names_sum(goes_off) or _PAID_BEFORE.search(goes_off) is not None):
        return True
    words = text.split()
    if len(words) > _MOST_WORDS:
        return False
    if _ENDINGS.search(bare) is not None or _CONTRIBUTION.search(text) is not None:
        return True
    known = _summaries()
    return any(_NOISE.sub("", beginning) in known for beginning in accumulate(map(squash, words[:-1])))


def is_discount(text: str) -> bool:
    """Whether an item is a discount: its amount goes off."""
    bare = _NOISE.sub("", _BRACKETED.sub("", squash(text)))
    if not bare:
        return False
    if is_cjk(bare[0]):
        return any(word in bare for word in _JAPANESE_DISCOUNTS)
    if _some_discount().search(bare) is None:  # the cheap question
        return False
    known = _discounts()
    return any(_NOISE.sub("", squash(word)) in known for word in text.split())
