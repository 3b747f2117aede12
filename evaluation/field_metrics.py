"""Fields: exact match after normalising, counted so that micro F1 and the share of faultless documents follow.

Plain Python, so that the demo can compare with the truth in the services' own environment.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# One field's value: text, a number, an amount with its currency, or a list of accounts.
Value = str | int | float | Mapping[str, object] | Sequence[Mapping[str, object]] | None

AMOUNT_FIELDS = frozenset({"total_amount", "subtotal", "tax_amount"})


def without_space(text: str) -> str:
    """NFKC, and every white-space character gone."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Right answers among those given and those wanted; counts add up over documents."""

    right: int
    given: int
    wanted: int

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            right=self.right + other.right, given=self.given + other.given, wanted=self.wanted + other.wanted
        )

    @property
    def precision(self) -> float:
        """Right of those given; 1 where none was given."""
        return self.right / self.given if self.given else 1.0

    @property
    def recall(self) -> float:
        """Right of those wanted; 1 where none was wanted."""
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing was wanted and nothing given."""
        return 2 * self.right / (self.given + self.wanted) if self.given + self.wanted else 1.0


NO_MATCHES = Matches(right=0, given=0, wanted=0)


def is_same_value(name: str, truth: Value, read: Value) -> bool:
    """Whether a field was read exactly, after normalising: NFKC, no spaces, ISO dates, plain numbers.

    Of bank accounts every one in the truth has to be read, with everything that the truth says of it; an account
    that the truth does not list does no harm, because most labels list one of several.
    """
    if name == "bank_accounts":
        return _are_accounts_found(truth, read)
    if name in AMOUNT_FIELDS:
        return _is_same_amount(truth, read)
    if isinstance(truth, str | int | float) and isinstance(read, str | int | float):
        return without_space(str(truth)) == without_space(str(read))
    return False


def field_matches(truth: Mapping[str, Value], read: Mapping[str, Value]) -> dict[str, Matches]:
    """Each labelled field's count: a wrong value is one false positive and one false negative.

    A field that the truth does not name is not judged; one that the truth names as null is not printed, so that any
    value read for it is a false positive.
    """
    counts: dict[str, Matches] = {}
    for name, wanted in truth.items():
        given = read.get(name)
        is_wanted, is_given = not _is_absent(wanted), not _is_absent(given)
        right = is_wanted and is_given and is_same_value(name, wanted, given)
        counts[name] = Matches(right=int(right), given=int(is_given), wanted=int(is_wanted))
    return counts


def is_all_right(counts: Mapping[str, Matches]) -> bool:
    """Whether every labelled field of a document is right, and nothing was read that is not printed."""
    return all(count.right == count.given == count.wanted for count in counts.values())


def parse_number(value: object) -> Decimal | None:
    """A number without currency signs and thousands separators, as the labels and the API write them: ``1,234.50``."""
    text = unicodedata.normalize("NFKC", str(value))
    digits = "".join(character for character in text if character in "0123456789.-")
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


def _is_absent(value: Value) -> bool:
    return value is None or (isinstance(value, Sequence) and len(value) == 0)


def _is_same_amount(truth: Value, read: Value) -> bool:
    wanted = truth if isinstance(truth, Mapping) else {"value": truth}
    given = read if isinstance(read, Mapping) else {"value": read}
    currency = wanted.get("currency")
    if currency is not None and "currency" in given and given["currency"] != currency:
        return False
    number = parse_number(wanted.get("value"))
    return number is not None and number == parse_number(given.get("value"))


def _are_accounts_found(truth: Value, read: Value) -> bool:
    if not isinstance(truth, Sequence) or not isinstance(read, Sequence) or isinstance(truth, str | bytes):
        return False
    left = [account for account in read if isinstance(account, Mapping)]
    for wanted in truth:
        found = next((account for account in left if _is_same_account(wanted, account)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is_same_account(wanted: Mapping[str, object], given: Mapping[str, object]) -> bool:
    return all(_account_part(given.get(name)) == _account_part(value) for name, value in wanted.items())


def _account_part(value: object) -> str | None:
    return None if value is None else without_space(str(value)).replace("-", "")
