"""Names compared with two things set aside: capitals, and how the legal form is written.

Shown beside the strict figure, never instead of it: (株) for 株式会社, ``G.m.b.H.`` for ``GmbH``, ``SDN. BHD`` for
``Sdn Bhd``. A legal form that is missing, or stands at the other end, is still another name.
"""

from __future__ import annotations

import re
import unicodedata

from evaluation.field_metrics import Value, without_space

NAME_FIELDS = ("issuer_name", "recipient_name")

# As NFKC leaves them: ㈱ is (株), ㍿ is 株式会社.
_JAPANESE = {
    "(株)": "株式会社",
    "(有)": "有限会社",
    "(同)": "合同会社",
    "(合)": "合同会社",
    "(資)": "合資会社",
    "(名)": "合名会社",
    "(一社)": "一般社団法人",
    "(一財)": "一般財団法人",
    "(公社)": "公益社団法人",
    "(公財)": "公益財団法人",
    "(医)": "医療法人",
    "(学)": "学校法人",
    "(福)": "社会福祉法人",
}
_LATIN = (
    "gmbh", "mbh", "ag", "kg", "ug", "ohg", "ev", "ltd", "llc", "llp", "inc", "co", "corp", "plc", "pte", "pty", "sdn",
    "bhd", "sarl", "sas", "sa", "eurl", "srl", "spa", "bv", "nv",
)  # fmt: skip
_SPELLED_OUT = {"limited": "ltd", "incorporated": "inc", "corporation": "corp", "company": "co", "berhad": "bhd"}


def _letters(form: str) -> str:
    """The form with or without full stops between its letters, and spaces behind those."""
    return r"(?:\.\s?)?".join(form)


_ANY_LATIN = re.compile(
    r"(?:,\s*)?(?<![^\W\d_])(?P<form>"
    + "|".join(_letters(form) for form in sorted((*_LATIN, *_SPELLED_OUT), key=len, reverse=True))
    + r")(?![^\W\d_])\.?"
)


def is_same_name(truth: Value, read: Value) -> bool:
    """Whether two names are the same but for capitals and the writing of legal forms."""
    return isinstance(truth, str) and isinstance(read, str) and fold_name(truth) == fold_name(read)


def fold_name(name: str) -> str:
    """NFKC, no white space, small letters, legal forms in one writing."""
    text = _ANY_LATIN.sub(_one_writing, unicodedata.normalize("NFKC", name).casefold())
    text = without_space(text)
    for short, form in _JAPANESE.items():
        text = text.replace(short, form)
    return text


def _one_writing(found: re.Match[str]) -> str:
    letters = "".join(character for character in found["form"] if character.isalpha())
    return " " + _SPELLED_OUT.get(letters, letters)
