"""Identifiers with check digits: Japan's registration number, VAT ids, IBAN."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postprocess_svc.fields.values.folding import has_digits, read_digits

REGISTRATION_DIGITS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """An identifier found in a text, normalised, with its span and whether its check digits hold."""

    start: int
    end: int
    value: str
    valid: bool
    """Check digits hold; where the kind has none, its shape is the one its country prescribes."""


def corporate_number_is_valid(digits: str) -> bool:
    """Check digit of a corporate number of 13 digits, which a registration number carries after its T.

    The first digit is ``9 - (sum of the other twelve, from the right alternately times 1 and 2) mod 9``:
    https://www.houjin-bangou.nta.go.jp/documents/checkdigit.pdf. Sole proprietors' numbers follow the same rule.
    """
    if len(digits) != REGISTRATION_DIGITS or not digits.isdigit():
        return False
    weighted = sum(int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits[1:])))
    return int(digits[0]) == 9 - weighted % 9


_T_NUMBER = re.compile(r"(?<![A-Za-z0-9])[Tt] ?[-:]? ?(\d(?:[ -]?\d){12})(?![0-9])")


def find_registration_numbers(folded_text: str) -> list[Identifier]:
    """``T`` and 13 digits, spaces or hyphens between them allowed."""
    if "T" not in folded_text and "t" not in folded_text:
        return []
    found = []
    for match in _T_NUMBER.finditer(read_digits(folded_text)):
        digits = re.sub(r"\D", "", match[1])
        found.append(
            Identifier(
                start=match.start(), end=match.end(), value=f"T{digits}", valid=corporate_number_is_valid(digits)
            )
        )
    return found


# Shapes of VAT ids by country: https://taxation-customs.ec.europa.eu (VIES), HMRC, ESTV.
_VAT_SHAPES = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CHE": r"\d{9}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-Z0-9]{2}\d{9}",
    "GB": r"(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"(?:\d{9}|\d{12})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "NO": r"\d{9}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
}
_VAT_EXACT = re.compile("|".join(f"{country}{shape}" for country, shape in _VAT_SHAPES.items()))
_VAT_PRINTED = re.compile(
    rf"(?<![A-Z0-9])(?:{'|'.join(sorted(_VAT_SHAPES, key=len, reverse=True))})"
    r"[ .-]?[A-Z0-9](?:[ .-]?[A-Z0-9]){6,12}(?![A-Za-z0-9])"
)


def find_vat_ids(folded_text: str) -> list[Identifier]:
    """Country code and the shape that the country prescribes.

    Separators are dropped from the value, and so is the word behind it that says VAT (MWST, TVA, MVA).
    """
    if not has_digits(folded_text, 7):
        return []
    found = []
    for match in _VAT_PRINTED.finditer(folded_text):
        span = _longest_shape(match)
        if span is not None:
            found.append(span)
    return found


def _longest_shape(match: re.Match[str]) -> Identifier | None:
    """The printed run may have swallowed a word after the id: cut it back at separators until its shape fits."""
    printed = match[0]
    ends = [len(printed), *(cut.start() for cut in re.finditer(r"[ .-]", printed))]
    for end in sorted(ends, reverse=True):
        value = re.sub(r"[ .-]", "", printed[:end])
        if _VAT_EXACT.fullmatch(value) and sum(character.isdigit() for character in value) >= 6:
            return Identifier(start=match.start(), end=match.start() + end, value=value, valid=True)
    return None


_NATIONAL = re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]+(?:[ .\-/][A-Z0-9]+)*")
_EMPLOYER = re.compile(r"\d{2}-\d{7}")
_KNOWN_NATIONAL = re.compile(
    r"\d{2}[A-Z]{5}\d{4}[A-Z][A-Z0-9]Z[A-Z0-9]"  # India
    r"|\d{8,9}[A-Z]|M\d{8}[A-Z0-9]"  # Singapore
    r"|[A-HJ-NP-SUVW]\d{7}[A-Z0-9]|\d{8}[A-Z]"  # Spain
    r"|\d{11}"  # Italy, Australia
)
_LEAST_NATIONAL, _MOST_NATIONAL = 8, 16
_NATIONAL_DIGITS = 6


def find_national_id(folded_text: str, start: int, *, reach: int) -> Identifier | None:
    """What a label calls a VAT id in a form of its country alone: 193 7264 36, 03847170234, M2-0093847-1.

    The groups from the first on that has a digit, as long as they have one; valid where its shape is known.
    An employer's number of the United States (12-3456789) is no VAT id.

    Args:
        folded_text: A row.
        start: Where the label ends.
        reach: How many characters behind it the number may begin.
    """
    for match in _NATIONAL.finditer(folded_text, start):
        if match.start() - start > reach:
            return None
        groups = list(re.finditer(r"[A-Z0-9]+", match[0]))
        while groups and not has_digits(groups[0][0], 1):
            groups.pop(0)
        length, end = 0, 0
        for group in groups:
            if not has_digits(group[0], 1) or length + len(group[0]) > _MOST_NATIONAL:
                break
            length, end = length + len(group[0]), group.end()
        if length < _LEAST_NATIONAL:
            continue
        begin = groups[0].start()
        printed = match[0][begin:end]
        value = re.sub(r"[^A-Z0-9]", "", printed)
        after = folded_text[match.start() + end :]
        if re.match(r"[,.]?\d|[a-z%]| ?%", after) or _EMPLOYER.fullmatch(printed):
            continue
        if sum(map(str.isdigit, value)) >= _NATIONAL_DIGITS:
            known = _KNOWN_NATIONAL.fullmatch(value) is not None
            return Identifier(start=match.start() + begin, end=match.start() + end, value=value, valid=known)
    return None


# Length by country: https://www.swift.com/standards/data-standards/iban-international-bank-account-number
_LISTED_LENGTHS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18
    FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20
    LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24
    SM27 TN24 TR26 UA29 XK20
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LISTED_LENGTHS.split()}
_IBAN_PRINTED = re.compile(r"(?<![A-Z0-9])([A-Z]{2} ?[0-9OIl]{2}(?: ?[A-Z0-9]){10,30})")


def iban_is_valid(iban: str) -> bool:
    """Length of its country and remainder 1 modulo 97 (ISO 13616)."""
    if _IBAN_LENGTHS.get(iban[:2]) != len(iban):
        return False
    digits = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
    return int(digits) % 97 == 1


def find_ibans(folded_text: str, *, labelled_from: int | None = None) -> list[Identifier]:
    """IBANs in a text.

    Args:
        folded_text: The text.
        labelled_from: From here on a label says "IBAN": there an account of the wrong length or remainder is
            reported too, as not valid. Elsewhere only valid ones are.
    """
    found: list[Identifier] = []
    if not has_digits(folded_text, 7):
        return found
    for match in _IBAN_PRINTED.finditer(folded_text):
        labelled = labelled_from is not None and match.start() >= labelled_from
        identifier = _cut_iban(match, labelled=labelled)
        if identifier is not None:
            found.append(identifier)
    return found


def _cut_iban(match: re.Match[str], *, labelled: bool) -> Identifier | None:
    printed = match[0]
    country = printed[:2]
    length = _IBAN_LENGTHS.get(country)
    whole, ends = [], []
    for index, character in enumerate(printed):
        if character != " ":
            whole.append(character)
            ends.append(index + 1)
    if length is not None and len(whole) >= length:
        value = _with_digits(whole[:length])
        if iban_is_valid(value):
            return Identifier(start=match.start(), end=match.start() + ends[length - 1], value=value, valid=True)
    if not labelled:
        return None
    # Not valid: take the digits that follow the country code, and stop where the next word begins.
    kept = re.match(r"[A-Z]{2} ?\d{2}(?: ?[A-Z]{4})?(?: ?\d+)+(?: ?[A-Z]\d+)*", printed)
    if kept is None:
        return None
    value = kept[0].replace(" ", "")[: length or 34]
    return Identifier(start=match.start(), end=match.start() + kept.end(), value=value, valid=False)


def _with_digits(characters: list[str]) -> str:
    """O and I cannot stand in the check digits."""
    head = "".join(characters[:2])
    check = "".join({"O": "0", "I": "1", "l": "1"}.get(character, character) for character in characters[2:4])
    return head + check + "".join(characters[4:])
