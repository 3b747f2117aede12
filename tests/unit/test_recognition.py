"""What many readings spell, reckoned at once, is what each spells by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess_svc.recognition import CropReading, spelling


def reading(class_ids: list[int]) -> CropReading:
    """A crop of these classes, each timestep of another probability."""
    ids = np.array(class_ids, np.uint16)
    return CropReading(class_ids=ids, probabilities=np.linspace(0.1, 0.9, len(ids), dtype=np.float32))


@settings(max_examples=100, deadline=None)
@given(crops=st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=8))
def test_many_at_once_spell_what_each_spells_alone(crops: list[list[int]]) -> None:
    readings = [reading(class_ids) for class_ids in crops]
    found = spelling(readings)
    assert found.characters.tolist() == [len(each.spelt) for each in readings]
    alone = [float(each.probabilities[each.spelt].mean()) if len(each.spelt) else 0.0 for each in readings]
    assert found.confidences.tolist() == pytest.approx(alone, abs=1e-6)


def test_a_character_at_a_crops_end_and_the_same_at_the_next_ones_start_are_two() -> None:
    assert spelling([reading([0, 5]), reading([5, 0])]).characters.tolist() == [1, 1]
