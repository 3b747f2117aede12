"""Arrivals are a Poisson process from a seed, and documents keep the mix's shares."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from loadtest.arrivals import balanced_documents, poisson_arrivals_s, shuffled_documents
from loadtest.documents import Document

WEIGHTS = {"often": 70.0, "seldom": 25.0, "rare": 5.0, "never": 0.0}


def corpus() -> list[Document]:
    return [
        Document(kind=kind, name=f"{kind}-{number}", pages=1, deadline_s=5.0, content=b"%PDF-")
        for kind in WEIGHTS
        for number in range(3)
    ]


def test_the_offered_load_is_exactly_what_was_asked_for() -> None:
    for seed in range(20):
        arrivals_s = poisson_arrivals_s(1.7, 60.0, seed=seed)
        assert len(arrivals_s) == 102
        assert arrivals_s == sorted(arrivals_s)
        assert arrivals_s[0] >= 0.0
        assert arrivals_s[-1] < 60.0


def test_gaps_are_exponential() -> None:
    gaps_s = np.diff(poisson_arrivals_s(10.0, 1_000.0, seed=3))
    assert gaps_s.mean() == pytest.approx(0.1, rel=0.01)
    # The coefficient of variation of an exponential is 1; of a regular clock it is 0.
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(1.0, abs=0.03)
    # Kolmogorov and Smirnov, against 1 - exp(-x / mean); 1.63 is the 1 % point.
    ordered = np.sort(gaps_s)
    distribution = 1 - np.exp(-ordered / 0.1)
    ranks = np.arange(1, len(ordered) + 1) / len(ordered)
    distance = np.abs(ranks - distribution).max()
    assert distance * np.sqrt(len(ordered)) < 1.63


def test_arrivals_come_in_bursts_as_independent_callers_do() -> None:
    counts, _ = np.histogram(poisson_arrivals_s(10.0, 1_000.0, seed=4), bins=1_000, range=(0, 1_000))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.12)


def test_the_same_seed_gives_the_same_load_and_another_one_another() -> None:
    assert poisson_arrivals_s(2.0, 30.0, seed=1) == poisson_arrivals_s(2.0, 30.0, seed=1)
    assert poisson_arrivals_s(2.0, 30.0, seed=1) != poisson_arrivals_s(2.0, 30.0, seed=2)
    first, again, other = (shuffled_documents(corpus(), WEIGHTS, 50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("rate", "duration"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_no_load_is_refused(rate: float, duration: float) -> None:
    with pytest.raises(ValueError, match="no arrivals"):
        poisson_arrivals_s(rate, duration, seed=0)


def test_each_kind_has_its_share_however_short_the_run() -> None:
    for seed in range(10):
        documents = shuffled_documents(corpus(), WEIGHTS, 60, seed=seed)
        assert Counter(document.kind for document in documents) == {"often": 42, "seldom": 15, "rare": 3}


def test_remainders_go_to_those_who_lack_most() -> None:
    documents = shuffled_documents(corpus(), WEIGHTS, 10, seed=0)
    # 7.0, 2.5 and 0.5: one document is left over for the two halves.
    counts = Counter(document.kind for document in documents)
    assert (counts["often"], counts["seldom"] + counts["rare"]) == (7, 3)


def test_the_order_is_left_to_chance() -> None:
    documents = shuffled_documents(corpus(), {"often": 50, "seldom": 50}, 2_000, seed=5)
    kinds = [document.kind for document in documents]
    changes = sum(before != after for before, after in itertools.pairwise(kinds))
    assert changes == pytest.approx(1_000, abs=70)


def test_documents_of_a_kind_take_turns() -> None:
    names = Counter(document.name for document in shuffled_documents(corpus(), {"often": 1}, 9, seed=0))
    assert names == {"often-0": 3, "often-1": 3, "often-2": 3}


def test_callers_documents_are_the_mix_at_every_moment() -> None:
    documents = balanced_documents(corpus(), WEIGHTS, seed=7)
    counts: Counter[str] = Counter()
    for sent, document in enumerate(itertools.islice(documents, 400), start=1):
        counts[document.kind] += 1
        for kind, weight in WEIGHTS.items():
            assert abs(counts[kind] - sent * weight / 100) <= 2


def test_a_corpus_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        shuffled_documents(corpus(), {"never": 0.0}, 5, seed=0)
