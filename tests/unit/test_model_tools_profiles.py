"""Optimisation profiles cover every shape that a request may have."""

from __future__ import annotations

import itertools

import pytest

from model_tools.profiles import Profile, graph_batches, model_named, profiles, shape_classes
from ocr_core.contracts.tensors import MODELS, TEXT_DETECTION, TEXT_RECOGNITION


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
def test_every_batch_size_has_one_graph(model):
    graphs = graph_batches(model)

    for rows in range(1, model.max_batch_size + 1):
        assert sum(graph.least_rows <= rows <= graph.rows for graph in graphs) == 1
    assert graphs[-1].rows == model.max_batch_size


def test_only_five_and_seven_lines_are_padded():
    assert [(graph.least_rows, graph.rows) for graph in graph_batches(TEXT_RECOGNITION) if graph.is_padded] == [
        (5, 6),
        (7, 8),
    ]
    assert not any(graph.is_padded for graph in graph_batches(TEXT_DETECTION))


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
