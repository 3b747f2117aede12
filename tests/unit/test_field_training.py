"""The field scorer's training: what is learned from examples whose answer is known beforehand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from evaluation.field_training.__main__ import calibration_error, fold_of
from evaluation.field_training.examples import Example, is_right
from evaluation.field_training.fit import Outcome, fit_calibration, fit_weights, outcomes
from postprocess_svc.fields.candidate import BankDetails, Candidate, FieldName, Span
from postprocess_svc.fields.indexing import index_page
from postprocess_svc.fields.registry import shipped_families
from postprocess_svc.fields.scorer import FieldModel, learned_models, parse_models
from postprocess_svc.fields.weights import BIAS
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import line

START = {BIAS: -4.0, "label": 2.0, "colour": 1.0}


def candidate(value: str, **features: float) -> Candidate:
    (row,) = index_page(PageLines(number=1, width_px=500, height_px=500, lines=(line(100, 10, value),))).rows
    return Candidate(value=value, evidence=(Span(row=row, start=0, end=len(value)),), features=features)


def example(number: int, candidates: list[Candidate], right: list[bool], *, printed: bool = True) -> Example:
    return Example(
        field="due_date",
        document=f"{number}.png",
        group=f"layout {number % 7}",
        candidates=tuple(candidates),
        right=tuple(right),
        printed=printed,
        several=False,
    )


def labelled_documents(count: int) -> list[Example]:
    """A label tells the value, the colour does not; one document in five prints no value, and no label."""
    chance = np.random.default_rng(7)
    found = []
    for number in range(count):
        others = [candidate(f"2026-01-{day:02}", colour=float(chance.random() < 0.5)) for day in (1, 2, 3)]
        if number % 5 == 0:
            found.append(example(number, others, [False] * 3, printed=False))
            continue
        right = candidate("2026-02-01", label=1.0, colour=float(chance.random() < 0.5))
        found.append(example(number, [right, *others], [True, False, False, False]))
    return found


def test_a_label_that_tells_is_learned_and_a_colour_that_does_not_is_unlearned() -> None:
    weights = fit_weights(labelled_documents(100), START, deviation=2.0)
    assert weights["label"] > 6
    assert weights["label"] + weights[BIAS] > 2
    assert abs(weights["colour"]) < 0.7


def test_without_examples_weights_stay_where_they_start() -> None:
    assert fit_weights([], START) == START


def test_a_narrow_prior_holds_weights_back() -> None:
    documents = labelled_documents(30)
    moved = fit_weights(documents, START, deviation=2.0)["label"] - START["label"]
    held = fit_weights(documents, START, deviation=0.1)["label"] - START["label"]
    assert 0 < held < moved / 3


def test_a_misread_value_says_nothing_about_weights() -> None:
    misread = [example(number, [candidate("2026-02-07", label=1.0)], [False]) for number in range(50)]
    assert fit_weights(misread, START) == START
    assert not any(answer.right for answer in outcomes(misread, FieldModel(weights=START)))


def test_calibration_finds_the_odds_that_answers_are_worth() -> None:
    chance = np.random.default_rng(11)
    answers = []
    for number in range(4_000):
        log_odds = chance.uniform(-4, 8)
        right = chance.random() < 1 / (1 + math.exp(-(0.5 * log_odds - 1)))
        answers.append(Outcome(example=example(number, [], []), log_odds=log_odds, reading_confidence=1.0, right=right))
    calibration = fit_calibration(answers)
    assert calibration.slope == pytest.approx(0.5, abs=0.06)
    assert calibration.offset == pytest.approx(-1, abs=0.2)
    sure = [calibration.confidence(answer.log_odds, 1.0) for answer in answers]
    assert calibration_error(sure, [answer.right for answer in answers]) < 0.03


def test_a_certainty_that_bounds_answers_is_not_learned_a_second_time() -> None:
    chance = np.random.default_rng(13)
    answers = []
    for number in range(2_000):
        certainty = 0.5 if number % 2 else 1.0
        right = bool(chance.random() < 0.95 * certainty)
        answers.append(
            Outcome(
                example=example(number, [], []), log_odds=3, reading_confidence=1.0, right=right, certainty=certainty
            )
        )
    assert fit_calibration(answers).confidence(3, 1.0) == pytest.approx(0.95, abs=0.02)


def test_outcomes_carry_their_candidates_certainty() -> None:
    doubtful = replace(candidate("2026-02-01", label=1.0), certainty=0.4)
    (answer,) = outcomes([example(1, [doubtful], [True])], FieldModel(weights=START))
    assert answer.certainty == 0.4


def test_the_error_is_the_distance_between_claim_and_worth() -> None:
    error = calibration_error([0.05, 0.95, 1.0, 0.95], [False, True, True, False])
    assert error == pytest.approx((0.05 + 3 * abs(2.9 / 3 - 2 / 3)) / 4)
    assert calibration_error([], []) == 0


def test_a_layout_always_lies_in_one_fold() -> None:
    assert {fold_of("a layout") for _ in range(3)} == {fold_of("a layout")}
    assert {fold_of(str(number)) for number in range(100)} == set(range(5))


def test_a_candidate_is_right_by_the_evaluation_s_own_comparison() -> None:
    assert is_right("due_date", "2026-02-01", candidate("2026-02-01"))
    assert not is_right("due_date", None, candidate("2026-02-01"))
    details = BankDetails(bank="みずほ銀行", branch="渋谷支店", type=None, number="1234567", holder="カ)テスト")
    account = Candidate(value=details, evidence=candidate("x").evidence, features={})
    assert is_right("bank_accounts", [{"number": "1234567", "holder": "カ）テスト"}], account)
    assert not is_right("bank_accounts", [{"number": "1234567", "bank": "別の銀行"}], account)


def test_every_shipped_field_was_trained_and_every_learned_weight_is_a_number() -> None:
    models = learned_models()
    assert set(FieldName) <= set(models)
    assert set(models) <= set(shipped_families().kinds)
    for model in models.values():
        assert all(math.isfinite(weight) and abs(weight) < 30 for weight in model.weights.values())
        assert model.calibration.slope > 0
        assert model.calibration.reading >= 0


@pytest.mark.parametrize("content", ["{}", '{"fields": {"total_amount": {}}}', '{"fields": []}'])
def test_what_is_no_file_of_weights_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match="not a file of learned weights"):
        parse_models(content)


def test_weights_are_read_as_they_were_written() -> None:
    written = {"fields": {"phone": {"weights": {BIAS: -1.5}, "calibration": {"slope": 0.5}}}}
    model = parse_models(json.dumps(written))["phone"]
    assert (model.weights, model.calibration.slope, model.calibration.reading) == ({BIAS: -1.5}, 0.5, 1.0)
