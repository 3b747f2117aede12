"""Lines: where their characters stand, what they say in NFKC."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.reading import LineReading
from postprocess_svc.ctc import DecodedLine
from postprocess_svc.lines import PageLines, TextLine, normalised_clusters, text_line

LEVEL: Quad = ((100.0, 50.0), (300.0, 50.0), (300.0, 70.0), (100.0, 70.0))


def line(text: str, quad: Quad = LEVEL, **attributes: Any) -> TextLine:
    return TextLine(text=text, confidence=0.9, quad=quad, **attributes)


@pytest.mark.parametrize(
    ("printed", "normalised"),
    [
        ("合計 ¥1,200", "合計 ¥1,200"),
        ("ＴＥＬ：０３", "TEL:03"),
        ("㈱ｶﾞｲｱ", "(株)ガイア"),
        ("ﾊﾟﾝ①", "パン1"),
        ("", ""),
        ("ﾞ", "\u3099"),
    ],
)
def test_normalised(printed: str, normalised: str) -> None:
    assert "".join(form for _, form in normalised_clusters(printed)) == normalised


def test_a_normalised_cluster_leads_back_to_where_it_is_printed() -> None:
    assert list(normalised_clusters("御㈱ｶﾞ様")) == [(0, "御"), (1, "(株)"), (2, "ガ"), (4, "様")]


@given(st.text(st.sampled_from("aA1 ㈱ｶﾞﾊﾟ½①ガか\u3099請"), max_size=12))
def test_clusters_cover_the_text_from_left_to_right(text: str) -> None:
    starts = [start for start, _ in normalised_clusters(text)]
    assert starts == sorted(set(starts))
    printed = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    assert "".join(printed) == text
    assert [unicodedata.normalize("NFKC", cluster) for cluster in printed] == [
        form for _, form in normalised_clusters(text)
    ]


def test_characters_stand_where_the_recogniser_saw_them() -> None:
    counted = line("ab", positions=(0.1, 0.9))
    # Half a character is at most 0.6 of the line's height: 12 of 200 px.
    assert counted.span_quad(0, 1) == pytest.approx(np.array([[108, 50], [132, 50], [132, 70], [108, 70]]))
    assert counted.span_quad(1, 2) == pytest.approx(np.array([[268, 50], [292, 50], [292, 70], [268, 70]]))


def test_characters_without_positions_are_evenly_spaced() -> None:
    assert line("abcd").span_quad(1, 3) == ((150.0, 50.0), (250.0, 50.0), (250.0, 70.0), (150.0, 70.0))


@pytest.mark.parametrize(("start", "end"), [(0, 4), (-1, 2), (2, 2), (3, 1), (0, 5)])
def test_the_whole_line_or_no_span_of_it_is_the_whole_quad(start: int, end: int) -> None:
    assert line("abcd").span_quad(start, end) == LEVEL


def test_a_span_of_a_tilted_line_is_tilted() -> None:
    tilted: Quad = ((0.0, 0.0), (100.0, 50.0), (90.0, 70.0), (-10.0, 20.0))
    assert line("ab", tilted).span_quad(1, 2) == ((50.0, 25.0), (100.0, 50.0), (90.0, 70.0), (40.0, 45.0))


def test_words() -> None:
    words = line(" 合計  12 ", positions=tuple((at + 0.5) / 8 for at in range(8))).words()
    assert [(word.text, word.start) for word in words] == [("合計", 1), ("12", 5)]
    assert words[0].quad[0][0] < words[0].quad[1][0] <= words[1].quad[0][0]


def test_span_confidence() -> None:
    sure = line("abc", character_confidences=(0.9, 0.5, 0.1))
    assert sure.span_confidence(0, 2) == pytest.approx(0.7)
    assert line("abc").span_confidence(0, 2) == 0.9


def reading(quad: Quad, *, timestep_px: float = 10.0) -> LineReading:
    return LineReading(
        quad=quad,
        class_ids=np.zeros(20, np.uint16),
        probabilities=np.ones(20, np.float32),
        timestep_px=timestep_px,
        detection_confidence=0.9,
    )


def decoded(text: str, timesteps: tuple[float, ...]) -> DecodedLine:
    return DecodedLine(text=text, confidence=0.8, timesteps=timesteps, probabilities=(0.8,) * len(text))


def test_a_line_from_a_reading_loses_the_spaces_at_its_ends() -> None:
    built = text_line(reading(LEVEL), decoded(" ab ", (0.0, 4.5, 9.5, 19.0)))
    assert built.text == "ab"
    assert built.positions == pytest.approx((4.75 / 20, 9.75 / 20))
    assert built.character_confidences == (0.8, 0.8)
    assert not built.vertical


def test_positions_stay_on_the_quad() -> None:
    assert text_line(reading(LEVEL, timestep_px=50.0), decoded("a", (19.0,))).positions == (1.0,)
    point: Quad = ((5.0, 5.0), (5.0, 5.0), (5.0, 5.0), (5.0, 5.0))
    assert text_line(reading(point), decoded("a", (19.0,))).positions == (0.0,)


@pytest.mark.parametrize(
    ("quad", "text", "vertical"),
    [
        (((120.0, 50.0), (120.0, 250.0), (100.0, 250.0), (100.0, 50.0)), "縦書き", True),
        (((100.0, 50.0), (120.0, 50.0), (120.0, 250.0), (100.0, 250.0)), "縦書き", True),
        (((100.0, 50.0), (120.0, 50.0), (120.0, 90.0), (100.0, 90.0)), "1", False),
        (LEVEL, "横書き", False),
    ],
)
def test_vertical_lines(quad: Quad, text: str, vertical: bool) -> None:
    assert text_line(reading(quad), decoded(text, tuple(range(len(text))))).vertical is vertical


def test_a_page_s_text_has_a_line_a_row_and_a_blank_line_between_blocks() -> None:
    lines = (line("合計", row=0), line("¥100", row=0), line("以上", row=1), line("担当", row=2, block=1))
    page = PageLines(number=1, width_px=500, height_px=500, lines=lines)
    assert page.text == "合計 ¥100\n以上\n\n担当"
    assert [len(row) for row in page.rows()] == [2, 1, 1]
