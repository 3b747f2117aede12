"""Printed phone numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postprocess_svc.fields.values.folding import has_digits

# A hyphen is read as a full stop, a middle dot, an equals sign or the katakana ー now and then, with spaces around it.
_JOINT = r"(?: ?[-.·・=ー] ?| )?"
_JAPANESE = re.compile(
    r"(?<![\d.,-])(?:\+81[ -]?\(?0?\)?\d{1,4}|\(0\d{1,4}\)|0\d{1,4})"
    rf"{_JOINT}(?:\(\d{{1,4}}\)|\d{{1,4}}){_JOINT}\d{{3,4}}(?![\d-]|[.,]\d)"
)
_INTERNATIONAL = re.compile(r"(?<![\d+-])(?:\+|00(?=[1-9]))\d{1,3}(?:[ ./-]{0,2}\(?\d{1,5}\)?){2,6}(?!\d)")
_NATIONAL = re.compile(r"(?<![\d/.,-])\(?0\d{1,5}\)?(?:[ /.-]{1,2}\d{2,8}){1,5}(?![\d,]|[/.-]\d)")
"""Of Western countries: 0940/7838278, 01 24 69 62 99, (0208) 123 4567. Dates have this form as well."""
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.,/+-])(?:\+?1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([-.]))[2-9]\d{2}(?(1)\1|[-.])\d{4}(?![\w-]|\.\d)"
)
"""(970) 555-0142, 970-555-0142, 1-800-555-0142."""
_LABELLED = re.compile(r"\(?\+?\d(?:[ ./-]{0,3}\(?\d\)?){5,14}(?!\d)")
_SEPARATED = re.compile(r"[-()/. ]")
_MISREAD_JOINT = re.compile(r"(?<=\d) ?[.·・=ー] ?(?=\d)")
_GROUPS = re.compile(r"[-() ]+")
_LIKE_DIGITS = str.maketrans({"O": "0", "o": "0", "〇": "0", "○": "0", "l": "1", "I": "1", "|": "1"})
_MISREAD_DIGIT = re.compile(r"(?<=[\d(-])[Oo〇○lI|]{1,2}(?=[\d)-])|(?<![^\s:])[Oo〇○](?=\d{1,4}[-(])")

MIN_PHONE_DIGITS = 7
MAX_PHONE_DIGITS = 15
"""E.164: https://www.itu.int/rec/T-REC-E.164"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedPhone:
    """A phone number found in a text, with its span there."""

    start: int
    end: int
    value: str
    """Folded to half width, misread separators and digits put right. A Japanese number's groups are parted by hyphens,
    however they are printed: 045(833)6120 is 045-833-6120; others are as printed, without spaces around separators."""
    separated: bool
    """Written in groups, or internationally: recognisable without a label."""


def find_phones(folded_text: str, *, labelled_from: int | None = None, western: bool = False) -> list[PrintedPhone]:
    """Phone numbers in a text.

    Args:
        folded_text: The text.
        labelled_from: From here on any plausible run of digits is one.
        western: Whether numbers that begin with a nought count in the forms that Western countries print.
    """
    if not has_digits(folded_text, MIN_PHONE_DIGITS):
        return []
    text = folded_text
    if labelled_from is not None:
        text = _MISREAD_DIGIT.sub(lambda match: match[0].translate(_LIKE_DIGITS), folded_text)
    found: dict[int, PrintedPhone] = {}
    if western and ("-" in text or "." in text):
        for match in _NORTH_AMERICAN.finditer(text):
            _keep(found, match, separated=True, japanese=False)
    for pattern in (_INTERNATIONAL, _NATIONAL if western else _JAPANESE):
        if "+" not in text and ("00" if pattern is _INTERNATIONAL else "0") not in text:
            continue
        for match in pattern.finditer(text):
            separated = match[0].startswith("+") or bool(_SEPARATED.search(match[0].strip()))
            _keep(found, match, separated=separated, japanese=pattern is _JAPANESE)
    if labelled_from is not None:
        for match in _LABELLED.finditer(text, labelled_from):
            _keep(found, match, separated=False, japanese=False)
    return sorted(found.values(), key=lambda phone: phone.start)


def is_north_american(value: str) -> bool:
    """A number as ``find_phones`` gives it, of three, three and four digits: (970)555-0142."""
    return _NORTH_AMERICAN.fullmatch(value) is not None


def _keep(found: dict[int, PrintedPhone], match: re.Match[str], *, separated: bool, japanese: bool) -> None:
    printed = match[0].strip(" .-/")
    if printed.count("(") > printed.count(")"):
        printed = printed.replace("(", "", 1)
    digits = sum(character.isdigit() for character in printed)
    if not MIN_PHONE_DIGITS <= digits <= MAX_PHONE_DIGITS:
        return
    start, end = match.start(), match.end()
    if any(start < other.end and other.start < end for other in found.values()):
        return
    if japanese:
        printed = _MISREAD_JOINT.sub("-", printed)
    if printed.startswith("+"):
        value = re.sub(r"\s+", " ", printed)
    else:
        value = _GROUPS.sub("-", printed).strip("-") if japanese else re.sub(r"\s*([-()/.])\s*", r"\1", printed)
    found[start] = PrintedPhone(start=start, end=start + len(match[0].rstrip(" .-/")), value=value, separated=separated)
