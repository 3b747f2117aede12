"""What postal addresses look like, in Japan and in countries of Latin writing."""

from __future__ import annotations

import re

from postprocess_svc.fields.values.folding import alternatives, has_cjk

_JAPANESE = re.compile(
    alternatives(
        r"""
        〒 | ^T?\d{3}-\d{4}(?!\d) | (?:都|道|府|県)[^ ]{0,12}(?:市|区|郡|町|村) |
        (?:市|区|町|村)[^ ]{0,16}(?:\d| \d+-\d) |
        \d+(?:-\d+){1,3}(?:号|F|階|$) | 丁目 | 番地 | ビル(?:ディング)?(?![ァ-ヶー]|管理|清掃) | \d階 | \dF$ | ^日本\W*$
        """
    ),
)
"""The postal mark is read as a T now and then."""
_SOCIETIES = ("自治会", "町内会", "商店会", "振興会", "管理組合", "子ども会", "老人会")
"""They are called after where they are: …三丁目自治会."""
_BLOCK_NUMBERS = re.compile(r"^T?\d{3}-\d{4}(?!\d)|\d+(?:-\d+){1,3}(?:F|$)|\dF$|\d-(?:ku|shi|cho|chome|machi)\b")
"""Of Japan, in Latin letters or none: 1-2-3, 5F."""
_STREET_WORDS = frozenset(
    (
        "street", "road", "avenue", "boulevard", "blvd", "lane", "drive", "suite", "floor", "rue", "allée", "chemin",
        "jalan", "jln", "lorong", "taman", "lot", "postfach", "straat", "laan", "weg", "via", "piazza", "calle",
        "plaza", "building", "tower", "level", "kawasan", "persiaran", "lebuh", "bandar", "unit", "highway", "hwy",
        "quai", "cedex",
    )
)  # fmt: skip
_STREET = re.compile(
    r"jalan|p\.?o\.? ?box"
    r"|(?:straße|strasse|str\.|gasse|platz|allee)(?![a-z])"
    r"|[a-zäöüß]{3}(?:weg|ring|damm|ufer|markt|chaussee) \d"
    r"|(?<![A-Za-z])(?:st|rd|ave|dr)\.?(?:,|$)"
    r"|^\d{1,5}[a-z]? [A-Z][a-z]+ [A-Z]",
    re.IGNORECASE,
)
_STREET_ENDINGS = (
    "straße", "strasse", "str", "gasse", "platz", "allee", "weg", "ring", "damm", "ufer", "markt", "chaussee", "st",
    "rd", "ave", "dr",
)  # fmt: skip
"""What a word ends in where ``_STREET`` holds for what is neither a jalan nor a P.O. box nor begins with a number."""
_START = re.compile(r"^(?:no|lot|blk|unit|block)[. :]{0,2}\d|^\d{5,6}[ .,]|^\d{4} [A-Z]", re.IGNORECASE)
_COUNTRIES = frozenset(
    (
        "malaysia", "singapore", "united states", "usa", "united kingdom", "germany", "deutschland", "france",
        "nederland", "the netherlands", "netherlands", "österreich", "schweiz", "switzerland", "belgium", "belgië",
        "spain", "españa", "italy", "italia", "india", "japan",
    )
)  # fmt: skip
POSTCODE_TOWN = re.compile(
    r"(?<![\w])(?:[A-Z]{1,3}[- ])?\d{4,6}(?: ?[A-Z]{2})?,? +[A-ZÄÖÜÉ][A-Za-zäöüßéèçáí.\- ]{2,}"  # 80333 München
    r"|[A-Za-z.]{3,},? +(?:[A-Z]{2} +)?\d{5}(?:-\d{4})?(?!\d)"  # Fremont CA 94538
    r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"  # SW1A 1AA
    r"|[A-Za-z.]{3,},? +(?:NSW|VIC|QLD|SA|WA|TAS|ACT|NT),? +\d{4}(?!\d)"  # Sydney NSW 2000
    r"|[A-Z][a-z]{3,} - \d{6}(?!\d)|Singapore \d{6}(?!\d)"  # Bengaluru - 560058
    r"|, ?[A-Z][a-z]{3,},? \d{3}-\d{4}(?![\d-])"  # Minato-ku, Tokyo 105-0001
)
_MAY_BE_TOWN = re.compile(r"\d(?:\d{3}|(?<=[A-Z]\d))")
_WORD, _ASCII_WORD = re.compile(r"[^\W\d_]+"), re.compile(r"[a-z]+")
_DIGIT = re.compile(r"\d")


def is_address(folded_text: str) -> bool:
    """A postal address or a part of one."""
    if has_cjk(folded_text):
        return _JAPANESE.search(folded_text) is not None and not folded_text.endswith(_SOCIETIES)
    lower = folded_text.lower()
    words = (_ASCII_WORD if lower.isascii() else _WORD).findall(lower)
    if not _STREET_WORDS.isdisjoint(words) or lower.strip(" .,-") in _COUNTRIES:
        return True
    if _may_be_street(lower, words) and _STREET.search(folded_text) is not None:
        return True
    return _DIGIT.search(folded_text) is not None and (
        has_town(folded_text)
        or _START.search(folded_text) is not None
        or _BLOCK_NUMBERS.search(folded_text) is not None
    )


def _may_be_street(lower: str, words: list[str]) -> bool:
    """The cheap question before ``_STREET``."""
    if lower[:1].isdigit() or "jalan" in lower or "box" in lower:
        return True
    return any([word.endswith(_STREET_ENDINGS) for word in words])  # noqa: C419 - a generator costs more


def has_town(folded_text: str) -> bool:
    """A postcode and a town, as Western addresses have them."""
    return _MAY_BE_TOWN.search(folded_text) is not None and POSTCODE_TOWN.search(folded_text) is not None
