"""What a schema makes of values that were found: held to its rules, a value that breaks one is null and told."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import pytest

from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import AccountType, BankAccount, FieldAnswer, FieldValue, MoneyValue
from postprocess_svc.fields.registry import shipped_families
from postprocess_svc.schemas import answer_schema
from postprocess_svc.schemas.answering import SchemaAnswer
from postprocess_svc.schemas.catalogue import parse_schema

QUAD = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
TODAY = dt.date(2026, 11, 28)
PRINTED = "架空商事"


def text(value: str, confidence: float = 0.9) -> FieldValue:
    return FieldValue(value=value, text=value, confidence=confidence, page=2, quad=QUAD)


def money(value: int | str, currency: str = "JPY") -> MoneyValue:
    return MoneyValue(value=value, currency=currency, text=str(value), confidence=0.9, page=1, quad=QUAD)


def account(kind: AccountType, confidence: float = 0.9) -> BankAccount:
    return BankAccount(
        bank=None, branch=None, type=kind, number="1", holder=None, text="1", confidence=confidence, page=1, quad=QUAD
    )


def answered(fields: str, found: Mapping[str, FieldAnswer], *, checks: str = "", floor: float = 0.5) -> SchemaAnswer:
    file = f'title = "A"\nchecks = [{checks}]\n[fields]\n{fields}'
    schema = parse_schema("a", file, kinds=shipped_families().kinds)
    return answer_schema(schema, found, min_confidence=floor, today=TODAY)


@pytest.mark.parametrize(
    ("field", "kept", "broken"),
    [
        ('document_number = { type = "text", pattern = "INV-[0-9]+" }', text("INV-1"), text("INV-1a")),
        ('document_number = { type = "text", pattern = "a+" }', text("a" * 200), text("a" * 201)),
        ('document_number = { type = "text", one_of = ["A", "B"] }', text("B"), text("C")),
        ('document_number = { type = "text", max_length = 3 }', text("ABC"), text("ABCD")),
        ('phone = { type = "phone", pattern = "03-.*" }', text("03-1"), text("06-1")),
        (
            'registration_number = { type = "registration_number", check_digit = true }',
            text("T7000012050002"),
            text("T1000012050002"),
        ),
        (
            'registration_number = { type = "registration_number", check_digit = true, pattern = "T.*" }',
            text("T7000012050002"),
            text("DE123456789"),
        ),
        ('total_amount = { type = "money", min = 1 }', money(1), money(0)),
        ('total_amount = { type = "money", max = 99.99 }', money("99.99", "EUR"), money("100.00", "EUR")),
        ('total_amount = { type = "money", currency = "JPY" }', money(1), money("1.00", "EUR")),
        ('total_amount = { type = "money", currency = ["JPY", "EUR"] }', money("1.00", "EUR"), money("1.00", "USD")),
        ('due_date = { type = "date", not_before = 2026-01-31 }', text("2026-01-31"), text("2026-01-30")),
        ('due_date = { type = "date", not_after = 2026-01-31 }', text("2026-01-31"), text("2026-02-01")),
        ('due_date = { type = "date", not_in_future = true }', text("2026-11-29"), text("2026-11-30")),
        ('due_date = { type = "date", max_age_days = 30 }', text("2026-10-28"), text("2026-10-27")),
    ],
)
def test_a_value_that_breaks_a_rule_is_null_and_told(field: str, kept: FieldValue, broken: FieldValue) -> None:
    name = field.partition(" ")[0]
    rule = re.findall(r"(\w+) = [^{]", field)[-1 if "check_digit" not in field or "pattern" in field else 1]
    assert answered(field, {name: kept}) == SchemaAnswer(fields={name: kept})
    refused = answered(field, {name: broken})
    assert refused.fields == {name: None}
    (warning,) = refused.warnings
    assert warning.code == "validation_failed"
    assert warning.page == broken.page
    assert f"'a': what was read for the field '{name}' does not meet '{rule}'" in warning.detail


def test_of_a_list_only_the_entries_that_break_a_rule_are_left_out() -> None:
    accounts = (account(AccountType.IBAN), account(AccountType.ORDINARY), account(AccountType.IBAN, confidence=0.3))
    field = 'bank_accounts = { type = "accounts", account_types = ["iban"] }'
    outcome = answered(field, {"bank_accounts": accounts})
    assert outcome.fields == {"bank_accounts": accounts[:1]}
    assert [warning.code for warning in outcome.warnings] == ["validation_failed"]
    assert answered(field, {"bank_accounts": accounts[1:2]}).fields == {"bank_accounts": None}


def test_a_required_field_without_a_value_is_told_whatever_the_reason() -> None:
    field = 'issuer_name = { type = "text", required = true, max_length = 4 }'
    codes = ("validation_failed", "required_field_missing")
    for answer, told in (
        (None, codes[1:]),
        (text("A", confidence=0.4), codes[1:]),
        (text("ABCDE"), codes),
        (text("A"), ()),
    ):
        assert tuple(warning.code for warning in answered(field, {"issuer_name": answer}).warnings) == told
    assert answered(field, {}).warnings[0].detail == "schema 'a' requires the field 'issuer_name', which has no value"


def test_the_stricter_confidence_counts() -> None:
    field = 'issuer_name = { type = "text", min_confidence = 0.7 }'
    found = {"issuer_name": text("A", confidence=0.6)}
    assert answered(field, found).fields == {"issuer_name": None}
    assert answered(field, {"issuer_name": text("A", confidence=0.75)}, floor=0.8).fields == {"issuer_name": None}
    assert answered(field, {"issuer_name": text("A", confidence=0.75)}, floor=0.1).fields["issuer_name"] is not None


DATES = 'issued = { from = "document_date", type = "date" }\ndue_date = { type = "date" }'
AMOUNTS = 'tax_amount = { type = "money" }\ntotal_amount = { type = "money" }'


def test_a_check_between_fields_takes_the_left_one() -> None:
    found = {"document_date": text("2026-11-02"), "due_date": text("2026-11-01")}
    outcome = answered(DATES, found, checks='"due_date >= issued"')
    assert outcome.fields == {"issued": found["document_date"], "due_date": None}
    (warning,) = outcome.warnings
    assert (warning.code, warning.page) == ("validation_failed", 2)
    assert "'due_date' does not meet 'due_date >= issued'" in warning.detail
    found["due_date"] = text("2026-11-02")
    assert answered(DATES, found, checks='"due_date >= issued"').warnings == ()


def test_nothing_is_checked_against_what_was_not_read() -> None:
    outcome = answered(DATES, {"due_date": text("2026-11-01")}, checks='"due_date >= issued"')
    assert outcome.fields["due_date"] is not None
    assert outcome.warnings == ()


@pytest.mark.parametrize(
    ("tax", "total", "holds"),
    [
        (money(10), money(9), False),
        (money(9), money(10), True),
        (money("9.99", "EUR"), money("10.00", "EUR"), True),
        (money("9.99", "EUR"), money(10), False),
    ],
)
def test_amounts_are_compared_as_numbers_of_one_currency(tax: MoneyValue, total: MoneyValue, *, holds: bool) -> None:
    outcome = answered(AMOUNTS, {"tax_amount": tax, "total_amount": total}, checks='"tax_amount <= total_amount"')
    assert (outcome.fields["tax_amount"] is not None) is holds


def test_texts_can_be_the_same_or_not() -> None:
    fields = 'issuer_name = { type = "text" }\nrecipient_name = { type = "text" }'
    found = {"issuer_name": text(PRINTED), "recipient_name": text(PRINTED)}
    outcome = answered(fields, found, checks='"recipient_name != issuer_name"')
    assert outcome.fields["recipient_name"] is None
    assert not any(PRINTED in warning.detail for warning in outcome.warnings), "warnings quote nothing of the document"


def test_a_schema_that_fails_has_nulls_and_says_so() -> None:
    # A value that is no date, as a fault in a family might give: the rule itself raises.
    found = {"due_date": text(PRINTED), "issuer_name": text("A")}
    fields = 'issuer_name = { type = "text" }\ndue_date = { type = "date", not_in_future = true }'
    assert answered(fields, found) == SchemaAnswer(
        fields={"issuer_name": None, "due_date": None},
        warnings=(Notice(code="schema_failed", detail="the schema 'a' could not be applied"),),
    )
