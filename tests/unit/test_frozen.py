"""Values that a page has by the hundred."""

from __future__ import annotations

import pytest

from ocr_core.contracts.frozen import value


@value
class Spot:
    left: float
    top: float = 0.0


def test_equal_values_are_one_key() -> None:
    assert {Spot(left=1.0): "a"}[Spot(left=1.0, top=0.0)] == "a"
    assert Spot(left=1.0) != Spot(left=1.0, top=2.0)


def test_a_value_has_no_attributes_but_its_own() -> None:
    with pytest.raises(AttributeError):
        Spot(left=1.0).right = 2.0  # type: ignore[attr-defined]


def test_a_value_is_made_by_names_alone() -> None:
    with pytest.raises(TypeError):
        Spot(1.0, 2.0)  # type: ignore[misc]
