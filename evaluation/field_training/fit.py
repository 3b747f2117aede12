"""Fits the scorer: weights by maximum likelihood around those that families start with, then the calibration.

The weights are what ``scorer.py`` scores by: values of a document compete with each other and with the field's not
being printed. A Gaussian around the starting weights keeps features that the data hardly show where a person put them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from evaluation.field_training.examples import Example
from postprocess_svc.fields.candidate import Candidate
from postprocess_svc.fields.scorer import Calibration, FieldModel, value_log_odds
from postprocess_svc.fields.weights import BIAS

Floats = NDArray[np.float64]

PRIOR_DEVIATION = 0.5
"""How far weights may go from where they start, in log odds: the standard deviation of the prior."""
_ROUNDS = 3
"""Of choosing the best candidate of each value, which depends on the weights, and fitting."""
_CALIBRATION_DEVIATION = 1.0
_LEAST_READING = 0.01
_LEAST_READING_POWER = 0.5
"""What was hardly read is never sure, however few such answers there are to learn it from."""
_LEAST_DOUBT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best answer to an example, before it is calibrated."""

    example: Example
    log_odds: float
    reading_confidence: float
    right: bool
    certainty: float = 1.0
    """The candidate's, which bounds its confidence and is no part of what is learned."""


def fit_weights(
    examples: Sequence[Example], start: Mapping[str, float], *, deviation: float = PRIOR_DEVIATION
) -> dict[str, float]:
    """The weights that make the labelled values most likely.

    Documents whose value no candidate has (because a character was misread) say nothing about weights; they have their
    part in the calibration.

    Args:
        examples: Of one field.
        start: Where the weights start: the prior's mean, ``bias`` among them.
        deviation: The prior's standard deviation.
    """
    usable = [example for example in examples if example.candidates and example.can_be_found]
    if not usable:
        return dict(start)
    names = [BIAS, *sorted({name for example in usable for c in example.candidates for name in c.features})]
    mean = np.array([start.get(name, 0.0) for name in names])
    weights = mean
    for _ in range(_ROUNDS):
        model = FieldModel(weights=dict(zip(names, weights.tolist(), strict=True)))
        data = _Design(usable, names, model)
        answer = minimize(
            data.loss, weights, args=(mean, deviation), jac=True, method="L-BFGS-B", options={"maxiter": 500}
        )
        weights = answer.x
    fitted = dict(start) | {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}
    return {name: weight for name, weight in fitted.items() if weight or name == BIAS}


class _Design:
    """The features of every value of every example, one row each; an example's rows stand together."""

    def __init__(self, examples: Sequence[Example], names: Sequence[str], model: FieldModel) -> None:
        at = {name: index for index, name in enumerate(names)}
        rows: list[Floats] = []
        self._starts: list[int] = []
        right: list[bool] = []
        null_right: list[bool] = []
        for example in examples:
            for options in _options(example, model):
                self._starts.append(len(rows))
                for candidate, is_right in options:
                    row = np.zeros(len(names))
                    row[0] = 1.0
                    for name, value in candidate.features.items():
                        row[at[name]] = value
                    rows.append(row)
                    right.append(is_right)
                null_right.append(not any(is_right for _, is_right in options))
        self._x = np.array(rows)
        self._right = np.array(right)
        self._null_right = np.array(null_right)
        self._sizes = np.diff([*self._starts, len(rows)])

    def loss(self, weights: Floats, mean: Floats, deviation: float) -> tuple[float, Floats]:
        """Negative log posterior and its gradient."""
        scores = self._x @ weights
        everything, share = self._softmax(scores, np.zeros_like(self._null_right, dtype=np.float64))
        hidden_null = np.where(self._null_right, 0.0, -np.inf)
        wanted, wanted_share = self._softmax(np.where(self._right, scores, -np.inf), hidden_null)
        prior = (weights - mean) / deviation
        loss = float(np.sum(everything - wanted)) + 0.5 * float(prior @ prior)
        return loss, self._x.T @ (share - wanted_share) + prior / deviation

    def _softmax(self, scores: Floats, null_scores: Floats) -> tuple[Floats, Floats]:
        """Each example's log of the sum of its values' and null's exponentials; each value's share of it."""
        highest = np.maximum(np.maximum.reduceat(scores, self._starts), null_scores)
        exponentials = np.exp(scores - np.repeat(highest, self._sizes))
        total = np.add.reduceat(exponentials, self._starts) + np.exp(null_scores - highest)
        return highest + np.log(total), exponentials / np.repeat(total, self._sizes)


def _options(example: Example, model: FieldModel) -> Iterable[list[tuple[Candidate, bool]]]:
    """What competes: the best candidate of each value; where a field may have several, each for itself."""
    best: dict[object, tuple[float, Candidate, bool]] = {}
    for candidate, right in zip(example.candidates, example.right, strict=True):
        points = model.score(candidate.features)
        if candidate.value not in best or points > best[candidate.value][0]:
            best[candidate.value] = (points, candidate, right)
    found = [(candidate, right) for _, candidate, right in best.values()]
    return [[option] for option in found] if example.several else [found]


def outcomes(examples: Iterable[Example], model: FieldModel) -> list[Outcome]:
    """What a model answers, uncalibrated; examples without a candidate have no outcome."""
    found = []
    for example in examples:
        if not example.candidates:
            continue
        for options in _options(example, model):
            scored = sorted(((model.score(c.features), c, right) for c, right in options), key=lambda o: -o[0])
            points, candidate, right = scored[0]
            found.append(
                Outcome(
                    example=example,
                    log_odds=value_log_odds(points, [other for other, _, _ in scored[1:]]),
                    reading_confidence=candidate.reading_confidence(),
                    right=right,
                    certainty=candidate.certainty,
                )
            )
    return found


def fit_calibration(answers: Sequence[Outcome]) -> Calibration:
    """What the odds of answers turned out to be worth, on examples that the weights were not fitted to."""
    odds = np.array([answer.log_odds for answer in answers])
    read = np.log(np.clip([answer.reading_confidence for answer in answers], _LEAST_READING, 1.0))
    right = np.array([answer.right for answer in answers], dtype=np.bool_)
    bound = np.log([answer.certainty for answer in answers])
    start = np.array([1.0, 0.0, 1.0])

    def loss(parts: Floats) -> float:
        slope, offset, reading = parts
        log_p = np.minimum(bound + reading * read - np.logaddexp(0.0, -(slope * odds + offset)), -_LEAST_DOUBT)
        prior = (parts - start) / _CALIBRATION_DEVIATION
        return -float(np.sum(np.where(right, log_p, np.log(-np.expm1(log_p))))) + 0.5 * float(prior @ prior)

    answer = minimize(loss, start, method="L-BFGS-B", bounds=[(0.05, None), (None, None), (_LEAST_READING_POWER, None)])
    slope, offset, reading = (round(float(part), 3) for part in answer.x)
    return Calibration(slope=slope, offset=offset, reading=reading)
