"""One scorer for all fields: which of the candidates is the field's value, if any is, and how sure that is.

A candidate's score is the sum of its features' weights: log odds against the field's not being printed. The values
compete with each other and with that::

    P(value) = exp(score) / (1 + sum of exp(score) over all values)

and the confidence is what answers like it turned out to be worth, on documents that the weights were not fitted to::

    confidence = sigmoid(slope x log odds of P + offset) x (the recogniser's confidence) ** reading x certainty

where the candidate's certainty is 1 but for values that are known to be doubtful however well they are labelled.

Weights and calibration are learned (``python -m evaluation.field_training``) and shipped in ``learned_weights.json``; a
field that was not trained has the weights that its family starts with.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from postprocess_svc.fields.candidate import Candidate, Choice
from postprocess_svc.fields.weights import BIAS, WEIGHTS

MIN_ANSWER_CONFIDENCE = 0.2
"""Below this a candidate is noise, whatever threshold the caller sets."""

_FILE = "learned_weights.json"
_LEAST_READING = 0.01
_LARGEST_LOG_ODDS = 12.0

_STARTING: Mapping[str, Mapping[str, float]] = {str(name): weights for name, weights in WEIGHTS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From the model's log odds to a confidence; the defaults leave the odds as they are."""

    slope: float = 1.0
    offset: float = 0.0
    reading: float = 1.0
    """How much the recogniser's doubt counts: its confidence is raised to this power."""

    def confidence(self, log_odds: float, reading_confidence: float) -> float:
        """How sure an answer is, 0 to 1."""
        read: float = max(_LEAST_READING, min(1.0, reading_confidence)) ** self.reading
        return sigmoid(self.slope * log_odds + self.offset) * read


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldModel:
    """What decides between a field's candidates."""

    weights: Mapping[str, float]
    """Log odds by feature, ``bias`` among them; a feature without a weight says nothing."""
    calibration: Calibration = field(default_factory=Calibration)

    def score(self, features: Mapping[str, float]) -> float:
        """Log odds that a candidate with these features is the value, against the field's not being printed."""
        weights = self.weights
        return weights[BIAS] + sum([weights.get(name, 0.0) * value for name, value in features.items() if value])

    def reasons(self, features: Mapping[str, float]) -> dict[str, float]:
        """What each feature adds to the score, the weightiest first, for whoever wants to know why."""
        parts = {name: self.weights.get(name, 0.0) * value for name, value in features.items() if value}
        return dict(sorted({BIAS: self.weights[BIAS], **parts}.items(), key=lambda part: -abs(part[1])))


def model_of(name: str, starting: Mapping[str, float] | None = None) -> FieldModel:
    """A field's model: learned; its family's starting weights where nothing was learned, of the field or of a feature.

    Args:
        name: The field.
        starting: The weights that its family brings, for a field that ``weights.py`` does not know.
    """
    return _shipped_model(name) if name in _STARTING else _with_learned(name, starting_weights(name, starting))


@cache
def _shipped_model(name: str) -> FieldModel:
    return _with_learned(name, _STARTING[name])


def _with_learned(name: str, start: Mapping[str, float]) -> FieldModel:
    learned = learned_models().get(name)
    return FieldModel(weights=start) if learned is None else replace(learned, weights={**start, **learned.weights})


def starting_weights(name: str, starting: Mapping[str, float] | None = None) -> Mapping[str, float]:
    """What a field's model is before anything was learned; without any, no candidate of it is ever believed."""
    return _STARTING.get(name, starting or {BIAS: -_LARGEST_LOG_ODDS})


@cache
def learned_models() -> dict[str, FieldModel]:
    """The shipped models by field.

    Raises:
        ValueError: the file is not one that the training wrote.
    """
    file = resources.files(__package__).joinpath(_FILE)
    if not file.is_file():
        return {}
    return parse_models(file.read_text(encoding="utf-8"))


def parse_models(content: str) -> dict[str, FieldModel]:
    """Read what ``write_models`` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        return {
            name: FieldModel(
                weights={feature: float(weight) for feature, weight in model["weights"].items()},
                calibration=Calibration(**{part: float(value) for part, value in model["calibration"].items()}),
            )
            for name, model in json.loads(content)["fields"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_FILE} is not a file of learned weights: {error!r}") from error


def choose(name: str, candidates: Sequence[Candidate], starting: Mapping[str, float] | None = None) -> Choice | None:
    """The best value, or None where none is believable. Equal values do not compete with each other."""
    return choose_by(model_of(name, starting), candidates)


def choose_by(model: FieldModel, candidates: Sequence[Candidate]) -> Choice | None:
    """``choose`` by a given model."""
    best: dict[object, tuple[float, Candidate]] = {}
    for candidate in candidates:
        points = model.score(candidate.features)
        if candidate.value not in best or points > best[candidate.value][0]:  # the first of several
            best[candidate.value] = (points, candidate)
    if not best:
        return None
    winner = max(best, key=lambda value: best[value][0])
    points, candidate = best[winner]
    rivals = [other for value, (other, _) in best.items() if value != winner]
    confidence = model.calibration.confidence(value_log_odds(points, rivals), candidate.reading_confidence())
    return _choice(candidate, confidence * candidate.certainty)


def choose_all(name: str, candidates: Sequence[Candidate], starting: Mapping[str, float] | None = None) -> list[Choice]:
    """Every believable candidate, for a field that may have several values: each stands for itself."""
    return choose_all_by(model_of(name, starting), candidates)


def choose_all_by(model: FieldModel, candidates: Sequence[Candidate]) -> list[Choice]:
    """``choose_all`` by a given model."""
    choices = []
    for candidate in candidates:
        log_odds = value_log_odds(model.score(candidate.features), ())
        confidence = model.calibration.confidence(log_odds, candidate.reading_confidence())
        choices.append(_choice(candidate, confidence * candidate.certainty))
    return [choice for choice in choices if choice is not None]


def value_log_odds(score: float, rivals: Sequence[float]) -> float:
    """Log odds of a value with this score against all others and against none."""
    highest = max(0.0, *rivals, 0.0)
    against = highest + math.log(math.exp(-highest) + sum(math.exp(rival - highest) for rival in rivals))
    return max(-_LARGEST_LOG_ODDS, min(_LARGEST_LOG_ODDS, score - against))


def sigmoid(value: float) -> float:
    """From log odds to a probability."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, value))))


def _choice(candidate: Candidate, confidence: float) -> Choice | None:
    if confidence < MIN_ANSWER_CONFIDENCE:
        return None
    return Choice(candidate=candidate, confidence=round(min(confidence, 1.0), 4))
