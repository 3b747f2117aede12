"""Large and small print in drawn pages, in the ways that clerks marked it."""

from __future__ import annotations

import pytest

from evaluation.mockups.drawing import LARGE, SMALL, parse_drawing


@pytest.mark.parametrize(
    ("row", "runs"),
    [
        ("10月分として　# 61,624円 #", [("10月分として", 1.0), ("61,624円", LARGE)]),
        ("軽貨物運送　# みなみ急便 #  TEL", [("軽貨物運送", 1.0), ("みなみ急便", LARGE), ("TEL", 1.0)]),
        ("一、# 金 二四二円也 #", [("一、", 1.0), ("金 二四二円也", LARGE)]),
        ("~税率 10 ％　　税額 63,900~", [("税率 10 ％ 税額 63,900", SMALL)]),
        ("│~10月分~ │ 3~4 │", [("10月分", SMALL), ("3~4", 1.0)]),
    ],
)
def test_marks_behind_a_single_gap_and_without_blanks_inside(row: str, runs: list[tuple[str, float]]) -> None:
    assert [(run.text, run.scale) for run in parse_drawing(row).runs] == runs
