"""Optimisation profiles cover every shape that a request may have."""

from __future__ import annotations

import itertools

import pytest

from model_tools.profiles import Profile, batch_sizes_to_warm, model_named, profiles, shape_classes
from ocr_core.contracts.tensors import MODELS, TEXT_RECOGNITION


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_shape_class_and_batch_size_is_covered(model):
    derived = profiles(model)

    for height, width in shape_classes(model):
        for batch in range(1, model.max_batch_size + 1):
            assert any(profile.covers((batch, height, width, 3)) for profile in derived), (batch, height, width)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_profile_is_in_order_and_optimised_for_a_real_shape(model):
    for profile in profiles(model):
        assert profile.covers(profile.minimum)
        assert profile.covers(profile.optimum)
        assert profile.optimum[1:3] in shape_classes(model)


def test_width_ranges_do_not_overlap():
    derived = profiles(TEXT_RECOGNITION)

    for narrower, wider in itertools.pairwise(derived):
        assert narrower.maximum[2] < wider.minimum[2]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_what_is_warmed_is_allowed(model):
    assert all(1 <= batch <= model.max_batch_size for batch in batch_sizes_to_warm(model))


def test_covers_looks_at_every_dimension():
    profile = Profile(minimum=(1, 48, 64, 3), optimum=(2, 48, 96, 3), maximum=(4, 48, 128, 3))

    assert profile.covers((4, 48, 128, 3))
    assert not profile.covers((5, 48, 128, 3))
    assert not profile.covers((4, 48, 129, 3))
    assert not profile.covers((4, 47, 128, 3))


def test_models_are_found_by_name():
    assert model_named("text_recognition") is TEXT_RECOGNITION
    with pytest.raises(KeyError):
        model_named("text_translation")
