"""Learns what ``postprocess_svc.partners`` ships: costs of slips, and the weights that make a confidence of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.partner_slips import STARTING_COSTS, Reading, learn_confusions
from postprocess_svc.partners.channel import Confusions
from postprocess_svc.partners.master import Partner, PartnerTable
from postprocess_svc.partners.match import SAME, Model, PartnerMatcher, printed_form
from postprocess_svc.partners.normalise import FORM_NAMES, bare, normalise

_RIDGE = 1.0
_ABSENT_PARTS = 4
_THRESHOLD_FOLDS = 5
_FORM_CHARACTERS = frozenset("".join(FORM_NAMES))
MAX_FALSE_CORRECTIONS = 0.005
"""Of readings whose name is not in the table: how many may be given another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A reading looked up in one table."""

    reading: Reading
    absent: bool
    """The reading's true name is not in the table."""
    features: Mapping[str, float] | None
    """None where the look-up has no answer whatever the confidence."""
    answer: str
    """The name that was found; empty for none."""

    @property
    def right(self) -> bool:
        """The answer is the true name."""
        return self.answer == self.reading.true

    @property
    def is_harmless(self) -> bool:
        """The answer is the same company (センコー(株) for センコー株式会社), or the reading as it is."""
        same_company = normalise(self.answer).key == normalise(self.reading.true).key
        return same_company or printed_form(self.answer) == printed_form(self.reading.read)

    @property
    def weight(self) -> float:
        """In the fit: a reading that one sender's print caused a hundred times is no hundred readings."""
        return math.sqrt(self.reading.count)


def make_matcher(names: Iterable[str], confusions: Confusions) -> PartnerMatcher:
    """A matcher for names alone, without weights."""
    table = PartnerTable(partners=tuple(Partner(name=name) for name in names))
    return PartnerMatcher(table, Model(confusions=confusions, weights={}, same=0.0, threshold=0.0))


def look_up(matcher: PartnerMatcher, readings: Iterable[Reading], *, absent: bool) -> Iterator[Case]:
    """Each reading's case."""
    for reading in readings:
        read = normalise(reading.read)
        chosen = matcher.choose(read, matcher.rank(read))
        yield Case(
            reading=reading,
            absent=absent,
            features=None if chosen is None else matcher.features(read, *chosen),
            answer="" if chosen is None else matcher.name_of(chosen[0]).printed,
        )


def share(name: str, purpose: str, shares: int) -> int:
    """Which of so many shares of names one belongs to; all printings of a name to the same, for ever."""
    return int(hashlib.sha256(f"{purpose} {normalise(name).key}".encode()).hexdigest(), 16) % shares


def learn_model(readings: Sequence[Reading], fillers: Sequence[str]) -> Model:
    """Everything that is learned, from the readings of the training names alone.

    The weights are fitted on look-ups whose costs come from other names, in tables with the name and without, for
    costs look too good on the slips that they were counted on. The threshold is the lowest one that keeps false
    corrections among names that are not in the table at ``MAX_FALSE_CORRECTIONS``, cross-validated over names.

    Args:
        readings: Of training names.
        fillers: Made-up names, which fill up the tables.
    """
    names = sorted({reading.true for reading in readings})
    cases: list[Case] = []
    for fold in range(2):
        others = [reading for reading in readings if share(reading.true, "costs", 2) != fold]
        own = [reading for reading in readings if share(reading.true, "costs", 2) == fold]
        confusions = learn_confusions(others)
        cases += look_up(make_matcher([*names, *fillers], confusions), own, absent=False)
        for part in range(_ABSENT_PARTS):
            kept = [name for name in names if share(name, "absent", _ABSENT_PARTS) != part]
            some = [reading for reading in own if share(reading.true, "absent", _ABSENT_PARTS) == part]
            cases += look_up(make_matcher([*kept, *fillers], confusions), some, absent=True)
    return replace(fit_model(cases, learn_confusions(readings)), threshold=_threshold(cases))


def confidence(case: Case, model: Model) -> float:
    """What the matcher would answer with; 0 for none."""
    if case.features is None:
        return 0.0
    return 1.0 / (1.0 + math.exp(-sum(model.reasons(case.features).values())))


def fit_model(cases: Sequence[Case], confusions: Confusions) -> Model:
    """Weights by feature, without a threshold. A reading that came often counts as the square root of how often."""
    same = [case for case in cases if case.features is not None and case.features[SAME]]
    usable = [case for case in cases if case.features is not None and not case.features[SAME]]
    names = [name for name in usable[0].features or () if name != SAME]
    features = np.array([[(case.features or {})[name] for name in names] for case in usable])
    right = np.array([case.right for case in usable])
    fitted = fit_logistic(features, right, np.array([case.weight for case in usable]), ridge=_RIDGE)
    sure = sum(case.weight for case in same if case.right) + 1.0
    unsure = sum(case.weight for case in same if not case.right) + 1.0
    return Model(
        confusions=confusions,
        weights={name: round(float(weight), 3) for name, weight in zip(names, fitted, strict=True)},
        same=round(math.log(sure / unsure), 3),
        threshold=0.0,
    )


def is_a_name(text: str) -> bool:
    """Two characters stand beside those of a legal form. Some labels of japoc are 有限, 社 or 会社 alone."""
    return sum(character not in _FORM_CHARACTERS for character in normalise(text).key) >= 2


def is_misspelt(first: str, second: str) -> bool:
    """But for voicing marks the same: ホールティングス is a label's slip, not another company."""
    return [bare(c) for c in normalise(first).key] == [bare(c) for c in normalise(second).key]


def _threshold(cases: Sequence[Case]) -> float:
    """Cross-validated over names. Readings count as in the fit: by their number, one sender's name decided alone."""
    sure: list[tuple[float, float]] = []
    total = 0.0
    for fold in range(_THRESHOLD_FOLDS):
        others = [case for case in cases if share(case.reading.true, "threshold", _THRESHOLD_FOLDS) != fold]
        model = fit_model(others, STARTING_COSTS)
        for case in cases:
            if not case.absent or share(case.reading.true, "threshold", _THRESHOLD_FOLDS) != fold:
                continue
            if is_a_name(case.reading.true):
                total += case.weight
                if not (case.is_harmless or is_misspelt(case.answer, case.reading.true)):
                    sure.append((confidence(case, model), case.weight))
    allowed = MAX_FALSE_CORRECTIONS * total
    threshold = 1.0
    for sureness, weight in sorted(sure, reverse=True):
        allowed -= weight
        if allowed < 0:
            break
        threshold = sureness
    return round(threshold, 3)


def fit_logistic(
    features: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64], *, ridge: float
) -> NDArray[np.float64]:
    """Weights of a logistic regression with a quadratic penalty, by Newton's method.

    Args:
        features: (cases, features), the first of them 1 throughout; it is not penalised.
        right: (cases,).
        weights: (cases,): how much each counts.
        ridge: The penalty's strength.
    """
    solution = np.zeros(features.shape[1])
    penalty = np.full(features.shape[1], ridge)
    penalty[0] = 1e-6
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-np.clip(features @ solution, -30, 30)))
        gradient = features.T @ (weights * (right - chance)) - penalty * solution
        curvature = (features * (weights * chance * (1 - chance))[:, None]).T @ features + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        solution = solution + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return solution
