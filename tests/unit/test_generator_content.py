from __future__ import annotations

from decimal import Decimal

import pytest

from evaluation.generator.compose import ComposedDocument, compose
from evaluation.generator.identifiers import is_corporate_number, is_iban
from evaluation.generator.layouts import layouts
from evaluation.generator.splits import Split
from tests.support.generator import generator_fonts  # noqa: F401 - a fixture

ROUNDS = 3
# Which font file a stamp is drawn with is asked of fontconfig: where it is missing, no document can be composed.
pytestmark = pytest.mark.usefixtures("generator_fonts")


@pytest.fixture(scope="module")
def composed() -> list[ComposedDocument]:
    """Each layout of each split several times over."""
    return [
        compose(index=index, seed=5, split=split, layout=layout)
        for split in Split
        for index, layout in enumerate(list(layouts(split)) * ROUNDS)
    ]


def test_sums_add_up_to_what_is_to_be_paid(composed: list[ComposedDocument]) -> None:
    for document in composed:
        sums, items = document.printout.content.sums, document.printout.content.items
        carried_over = sums.balance.carried_over if sums.balance else Decimal(0)
        assert sums.subtotal + sums.tax - sums.withholding + carried_over == sums.total
        printed = sum((item.amount for item in items), Decimal(0)) - sums.discount
        assert printed == (sums.gross if sums.includes_tax else sums.subtotal)


def test_amounts_are_quantity_times_price_and_tax_is_within_a_step_of_its_rate(
    composed: list[ComposedDocument],
) -> None:
    for document in composed:
        content = document.printout.content
        step = Decimal(1) if content.currency == "JPY" else Decimal("0.01")
        for item in content.items:
            assert item.amount == item.quantity * item.unit_price
        for rate in content.sums.rates:
            exact = rate.net * rate.rate_percent / 100
            assert abs(rate.tax - exact) <= step * Decimal("1.1")


def test_what_is_to_be_paid_is_positive_and_covered_by_what_was_given(composed: list[ComposedDocument]) -> None:
    for document in composed:
        content = document.printout.content
        assert 0 < content.sums.total <= content.tendered


def test_a_bill_falls_due_on_its_day_or_later(composed: list[ComposedDocument]) -> None:
    for document in composed:
        assert document.printout.content.due >= document.printout.content.date


def test_numbers_carry_their_check_digits(composed: list[ComposedDocument]) -> None:
    for document in composed:
        content = document.printout.content
        if content.language == "ja":
            assert is_corporate_number(content.issuer.registration_number[1:])
        for account in content.accounts:
            assert account.kind != "iban" or is_iban(account.number)


def test_issuer_and_recipient_are_two(composed: list[ComposedDocument]) -> None:
    same = [
        document for document in composed if document.printout.content.issuer == document.printout.content.recipient
    ]
    assert same == []


def test_the_same_seed_makes_the_same_documents_and_another_seed_others() -> None:
    markups = [[compose(index=index, seed=seed, split=Split.TEST).markup for index in range(12)] for seed in (1, 1, 2)]
    assert markups[0] == markups[1]
    assert all(one != other for one, other in zip(markups[0], markups[2], strict=True))


def test_a_run_has_every_layout_before_any_comes_again() -> None:
    count = len(layouts(Split.DEVELOP))
    names = [compose(index=index, seed=1, split=Split.DEVELOP).layout.name for index in range(2 * count)]
    assert sorted(names[:count]) == sorted(names[count:]) == sorted(layout.name for layout in layouts(Split.DEVELOP))
