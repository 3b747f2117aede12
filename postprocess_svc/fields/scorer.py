"""One scorer for all fields: a logistic model over the candidates' features.

``confidence = sigmoid(sum of weights) x margin over the next best other value x the recogniser's confidence``. The
weights live in ``weights.py`` alone, by field and feature, so that learned ones can take their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter

from postprocess_svc.fields.candidate import Candidate, Choice, FieldName
from postprocess_svc.fields.weights import BIAS, WEIGHTS

MIN_ANSWER_CONFIDENCE = 0.2
"""Below this a candidate is noise, whatever threshold the caller sets."""

# A rival with the same score leaves 0.62; one that is 3 points weaker takes nothing worth naming.
_MARGIN_BIAS = 0.5
_MARGIN_SLOPE = 1.5


def score(field: FieldName, candidate: Candidate) -> float:
    """The model's log odds that a candidate is the field's value; a feature without a weight says nothing."""
    weights = WEIGHTS[field]
    return weights[BIAS] + sum(weights.get(name, 0.0) * value for name, value in candidate.features.items())


def choose(field: FieldName, candidates: Sequence[Candidate]) -> Choice | None:
    """The best candidate, or None where none is believable. Equal values do not compete with each other."""
    if not candidates:
        return None
    scored = [(score(field, candidate), candidate) for candidate in candidates]
    best_score, best = max(scored, key=itemgetter(0))  # the first of several
    rival = max((points for points, candidate in scored if candidate.value != best.value), default=None)
    confidence = _sigmoid(best_score) * _reading(best)
    if rival is not None:
        confidence *= _sigmoid(_MARGIN_BIAS + _MARGIN_SLOPE * (best_score - rival))
    return _choice(best, confidence)


def choose_all(field: FieldName, candidates: Sequence[Candidate]) -> list[Choice]:
    """Every believable candidate, for a field that may have several values."""
    choices = [_choice(candidate, _sigmoid(score(field, candidate)) * _reading(candidate)) for candidate in candidates]
    return [choice for choice in choices if choice is not None]


def _choice(candidate: Candidate, confidence: float) -> Choice | None:
    if confidence < MIN_ANSWER_CONFIDENCE:
        return None
    return Choice(candidate=candidate, confidence=round(min(confidence, 1.0), 4))


def _reading(candidate: Candidate) -> float:
    return max(0.0, min(1.0, candidate.reading_confidence()))


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, value))))
