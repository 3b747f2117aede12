"""Numbers with check digits, made up so that the checks hold."""

from __future__ import annotations

import random


def registration_number(draw: random.Random) -> str:
    """A qualified invoice issuer's number: T and a corporate number."""
    return "T" + corporate_number(f"{draw.randrange(10**11, 10**12)}")


def corporate_number(base: str) -> str:
    """A Japanese corporate number (法人番号): the check digit, then the twelve digits of ``base``.

    The check digit is 9 less the remainder by 9 of the digits' sum, every second one doubled, counted from the right
    (ordinance on corporate numbers, article 2).
    """
    weighted = sum(int(digit) * (1 if place % 2 == 0 else 2) for place, digit in enumerate(reversed(base)))
    return f"{9 - weighted % 9}{base}"


def is_corporate_number(number: str) -> bool:
    """Whether thirteen digits carry their right check digit."""
    return len(number) == 13 and number.isdigit() and corporate_number(number[1:]) == number


def iban(country: str, body: str) -> str:
    """An IBAN with its check digits (ISO 13616: remainder by 97)."""
    digits = "".join(str(int(character, 36)) for character in f"{body}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{body}"


def is_iban(number: str) -> bool:
    """Whether an IBAN's remainder by 97 is 1."""
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def german_vat_id(draw: random.Random) -> str:
    """DE and nine digits, the last one checked (ISO 7064, mod 11, 10)."""
    base = f"{draw.randrange(10**7, 10**8)}"
    product = 10
    for digit in base:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return f"DE{base}{(11 - product) % 10}"


def french_vat_id(draw: random.Random) -> str:
    """FR, a key of two digits, and a SIREN (nine digits, Luhn)."""
    base = f"{draw.randrange(3 * 10**7, 9 * 10**7)}"
    siren = base + _luhn_digit(base)
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def british_vat_id(draw: random.Random) -> str:
    """GB and nine digits; the last two make the weighted sum divisible by 97."""
    base = f"{draw.randrange(10**6, 10**7)}"
    weighted = sum(int(digit) * weight for digit, weight in zip(base, range(8, 1, -1), strict=True))
    return f"GB{base}{97 - weighted % 97:02d}"


def digits(draw: random.Random, count: int) -> str:
    """So many digits, the first one not 0."""
    return f"{draw.randrange(10 ** (count - 1), 10**count)}"


def filled(draw: random.Random, pattern: str) -> str:
    """A pattern with its ``#`` made digits and its ``?`` capital letters."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    return "".join(
        str(draw.randrange(10)) if sign == "#" else draw.choice(letters) if sign == "?" else sign for sign in pattern
    )


def _luhn_digit(base: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(base)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)
