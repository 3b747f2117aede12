"""Checks between two fields of a schema: ``due_date >= document_date``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ocr_core.contracts.result import BankAccount, LineItem, MoneyValue
from postprocess_svc.fields.candidate import FieldKind
from postprocess_svc.schemas.field_files import FIELD_NAME_PATTERN, amount, date
from postprocess_svc.schemas.schema import Check, SingleValue, WantedField

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
        ">": operator.gt,
        "<": operator.lt,
    }
)
_CHECK = re.compile(rf"({FIELD_NAME_PATTERN})\s*({'|'.join(_OPERATORS)})\s*({FIELD_NAME_PATTERN})")
_LISTS = frozenset({FieldKind.ACCOUNTS, FieldKind.LINE_ITEMS})
_IN_ORDER = frozenset({FieldKind.MONEY, FieldKind.DATE})


def parse_check(text: str, fields: Mapping[str, WantedField]) -> Check:
    """Make a check of what a file says.

    Raises:
        ValueError: it is none; the message says why.
    """
    match = _CHECK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"is no check; one is two fields and {' '.join(_OPERATORS)} between them")
    left, sign, right = match.groups()
    for name in (left, right):
        if name not in fields:
            raise ValueError(f"there is no field '{name}' in this schema; there are {', '.join(fields)}")
    kind, other = fields[left].kind, fields[right].kind
    if kind is not other:
        raise ValueError(f"'{left}' is {kind} and '{right}' is {other}; only fields of one type can be compared")
    if kind in _LISTS or (sign not in {"==", "!="} and kind not in _IN_ORDER):
        raise ValueError(f"{kind} cannot be compared by {sign}")
    return Check(text=text.strip(), left=left, right=right, holds=_comparison(_OPERATORS[sign], kind))


def _comparison(compare: Callable[[Any, Any], bool], kind: FieldKind) -> Callable[[SingleValue, SingleValue], bool]:
    def holds(left: SingleValue, right: SingleValue) -> bool:
        if kind is FieldKind.MONEY:
            return _currency(left) == _currency(right) and compare(amount(left), amount(right))
        if kind is FieldKind.DATE:
            return compare(date(left), date(right))
        return compare(_value(left), _value(right))

    return holds


def _currency(value: SingleValue) -> str | None:
    return value.currency if isinstance(value, MoneyValue) else None


def _value(value: SingleValue) -> str | int | None:
    return None if isinstance(value, BankAccount | LineItem) else value.value
