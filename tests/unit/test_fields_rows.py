"""Rows, labels and the scorer: what the families stand on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ocr_core.contracts.result import DocumentType, FieldValue
from postprocess_svc.fields import FIELD_NAMES
from postprocess_svc.fields.candidate import Candidate, FieldName, Span
from postprocess_svc.fields.context import Language, build_context
from postprocess_svc.fields.indexing import index_page
from postprocess_svc.fields.labels import find_labels, phrases
from postprocess_svc.fields.page_index import Row
from postprocess_svc.fields.scorer import (
    MIN_ANSWER_CONFIDENCE,
    Calibration,
    FieldModel,
    choose,
    choose_by,
    model_of,
    starting_weights,
    value_log_odds,
)
from postprocess_svc.fields.values.folding import squash
from postprocess_svc.fields.vocabulary import Role, wordings
from postprocess_svc.fields.weights import BIAS, WEIGHTS
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import line, page, read
from tests.support.steps import steps


def only_row(*placed: tuple[float, float, str]) -> Row:
    (row,) = index_page(page(placed)).rows
    return row


def test_pieces_far_apart_are_set_apart_by_a_tab() -> None:
    assert only_row((100, 10, "合計"), (600, 12, "¥1,000")).text == "合計\t¥1,000"


def test_pieces_close_together_are_joined_by_a_space() -> None:
    assert only_row((100, 10, "RM"), (145, 10, "12.30")).text == "RM 12.30"


def test_spaced_out_characters_stay_one_word() -> None:
    row = only_row((100, 10, "合"), (220, 10, "計"), (700, 10, "500"))
    assert [label.roles for label in find_labels(row)] == [frozenset({Role.TOTAL})]


def test_printed_text_comes_back_from_the_folded_one() -> None:
    row = only_row((100, 10, "㈱ｶﾞｲｱ　御中"))
    assert row.text == "(株)ガイア 御中"
    assert row.printed(0, 6) == "㈱ｶﾞｲｱ"


def test_lines_one_under_another_are_two_rows() -> None:
    assert len(index_page(page([(100, 10, "上"), (100, 50, "下")])).rows) == 2


def test_a_line_turned_by_a_quarter_is_a_row_of_its_own() -> None:
    turned = line(10, 10, "Printed by a machine")
    quad = ((40.0, 10.0), (40.0, 400.0), (10.0, 400.0), (10.0, 10.0))
    turned = type(turned)(text=turned.text, confidence=0.9, quad=quad)
    lines = (turned, line(100, 100, "合計"), line(100, 200, "小計"))
    index = index_page(PageLines(number=1, width_px=1000, height_px=1000, lines=lines))
    assert [row.vertical for row in index.rows].count(True) == 1
    assert index.text_height == 30


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("ご請求金額", {Role.TOTAL_DUE}),
        ("登錄番号", {Role.REGISTRATION}),
        ("ボイント", {Role.POINTS}),
        ("Sub-Total:", {Role.SUBTOTAL}),
        ("TOTALRM12.30", {Role.TOTAL}),
        ("InvoiceDate:", {Role.ISSUE_DATE}),
        ("Handelsrechnung Nr. 5", {Role.INVOICE_NUMBER}),
        ("Échéance", {Role.DUE_DATE}),
    ],
)
def test_labels(text: str, roles: set[Role]) -> None:
    labels = find_labels(only_row((100, 10, text)))
    assert roles <= labels[0].roles


@pytest.mark.parametrize("text", ["Totally", "INV/2023/03", "RE-2014", "Nottax", "Notebook"])
def test_what_only_looks_like_a_label(text: str) -> None:
    assert [label for label in find_labels(only_row((100, 10, text))) if label.start == 0] == []


def test_labels_that_modify_each_other_are_one_phrase() -> None:
    row = only_row((100, 10, "消費税(10%)対象額"))
    (phrase,) = phrases(row, find_labels(row))
    assert {Role.TAX, Role.TAX_BASE} <= phrase.roles
    assert phrase.rate_percent == 10


def test_every_role_has_wordings_and_every_field_weights() -> None:
    assert set(wordings()) == set(Role)
    assert set(WEIGHTS) == set(FieldName)
    assert all(BIAS in weights for weights in WEIGHTS.values())


@pytest.mark.parametrize(
    ("text", "language", "currency"),
    [
        ("請求書 合計 1,000 です", Language.JAPANESE, "JPY"),
        ("Rechnung Betrag und Datum", Language.GERMAN, "EUR"),
        ("Facture montant total TTC et TVA", Language.FRENCH, "EUR"),
        ("Receipt JALAN MAWAR total 5.00", Language.ENGLISH, "MYR"),
        ("Total $12.00", Language.ENGLISH, "USD"),
        ("total 12.00", Language.ENGLISH, "XXX"),
    ],
)
def test_language_and_currency(text: str, language: Language, currency: str) -> None:
    context = build_context([page([(100, 10, text)])], document_type=DocumentType.INVOICE)
    assert (context.language, context.currency) == (language, currency)


def candidate(value: str, features: dict[str, float], confidence: float = 1.0) -> Candidate:
    lines = (line(100, 10, value, confidence=confidence),)
    (row,) = index_page(PageLines(number=1, width_px=500, height_px=500, lines=lines)).rows
    return Candidate(value=value, evidence=(Span(row=row, start=0, end=len(value)),), features=features)


def test_the_scorer_adds_log_odds_and_knows_no_foreign_feature() -> None:
    model = FieldModel(weights={BIAS: -4.0, "row:due_date": 6.0})
    assert model.score({}) == -4
    assert model.score({"row:due_date": 0.5, "unheard_of": 5.0}) == -1
    assert list(model.reasons({"row:due_date": 1.0, "unheard_of": 0.0})) == ["row:due_date", BIAS]


def test_values_share_one_certainty_with_not_being_printed() -> None:
    assert value_log_odds(0.0, []) == 0
    assert value_log_odds(3.0, [3.0]) == pytest.approx(-math.log1p(math.exp(-3)))
    assert value_log_odds(500.0, [-500.0, 499.0]) == pytest.approx(1, abs=1e-3)


def test_calibration_turns_odds_and_the_reading_into_a_confidence() -> None:
    calibration = Calibration(slope=0.5, offset=-1.0, reading=2.0)
    assert calibration.confidence(6.0, 1.0) == pytest.approx(1 / (1 + math.exp(-2)))
    assert calibration.confidence(6.0, 0.5) == pytest.approx(0.25 / (1 + math.exp(-2)))
    assert calibration.confidence(6.0, 0.0) > 0


def test_a_rival_lowers_confidence_and_the_same_value_again_does_not() -> None:
    model, features = FieldModel(weights={BIAS: -4.0, "row:due_date": 8.0}), {"row:due_date": 1.0}
    alone = choose_by(model, [candidate("2026-10-31", features)])
    twice = choose_by(model, [candidate("2026-10-31", features)] * 2)
    rivalled = choose_by(model, [candidate("2026-10-31", features), candidate("2026-11-30", features)])
    assert alone is not None
    assert twice is not None
    assert rivalled is not None
    assert alone.confidence == twice.confidence > 0.9
    assert rivalled.confidence < 0.5


def test_nothing_believable_is_no_answer() -> None:
    assert choose(FieldName.DUE_DATE, []) is None
    assert choose(FieldName.DUE_DATE, [candidate("2026-10-31", {})]) is None
    assert 0 < MIN_ANSWER_CONFIDENCE < 0.5


@pytest.mark.parametrize("unit", ["1 ", "(", "a", ".", "銀行", "御中 ", "1,", "www.a", "消費税(", "DE12 "])
def test_an_endless_line_is_read_as_far_as_lines_go(unit: str) -> None:
    """A text layer may hold anything; the time that it costs is bounded by the runner's time limit."""
    outcome = read(page([(10, 10, unit * 20_000)]))
    assert set(outcome.fields) == set(FIELD_NAMES)


def test_specks_that_stand_level_by_the_thousand_are_not_each_held_against_all_others() -> None:
    specks = page([(20.0 * at, 50.0, "、") for at in range(1_200)])
    half = steps(lambda: index_page(replace(specks, lines=specks.lines[:600])))
    assert steps(lambda: index_page(specks)) < 2.4 * half


@pytest.mark.parametrize(
    ("read_as", "meant"),
    [("稅込金額", "税込金額"), ("請求書番號", "請求書番号"), ("Übertrag", "ubertrag"), ("ポイント", "ホイント")],
)
def test_labels_are_compared_without_what_a_recogniser_mistakes(read_as: str, meant: str) -> None:
    assert squash(read_as) == meant


def test_a_label_keeps_nothing_of_its_spacing_and_its_points() -> None:
    assert squash("請 求 日 / P.O. No.") == "請求日/pono"


def test_a_feature_that_nothing_was_learned_of_counts_as_its_family_starts() -> None:
    for field in FIELD_NAMES:
        start = starting_weights(field)
        assert set(model_of(field).weights) >= set(start)
    assert model_of("other", {BIAS: -1.0, "new": 2.0}).weights == {BIAS: -1.0, "new": 2.0}


def test_a_voicing_mark_at_a_span_s_end_belongs_to_its_kana() -> None:
    outcome = read(page([(700, 60, "請求書", 60), (100, 180, "ﾐﾗｲﾌｰｽﾞ 御中", 36)]))
    recipient = outcome.fields["recipient_name"]
    assert isinstance(recipient, FieldValue)
    assert recipient.text == "ﾐﾗｲﾌｰｽﾞ"
