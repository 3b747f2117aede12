"""Cheap questions before dear patterns: they may say yes in vain, and never no where the pattern would say yes."""

from __future__ import annotations

import itertools
import re

import pytest

from postprocess_svc.fields.line_items import counts
from postprocess_svc.fields.values import addresses, amounts, dates, names

PARTS = (
    *(
        "Shop",
        "bookshop",
        "SANYUSTATIONERYSHOP",
        "Malerbetrieb",
        "Neubau",
        "Verlag",
        "Cash & Carry",
        "café",
        "Möbelhaus",
    ),
    *("Jalan 3", "P.O. Box 7", "Hauptstraße 12", "Ringweg 5", "12 Main Street", "Oak st.", "High Rd,", "Bahnhofsallee"),
    *("80333 München", "Fremont, CA 94538", "SW1A 1AA", "1-2-3", "5F", "〒150-0002", "No.12", "TEL 03-1234-5678"),
    *("2x3", "2 x 1.50", "@1,870×2", "3 * 4", "2コX単150", "1.50", "RM 12.30", "Fr. : 5", "US $3", "EUR-5", "¥1,200"),
    *(
        "2026/10/31",
        "31.10.26",
        "20261031",
        "10月31日",
        "'26-1-2",
        "2025.01,31",
        "22/04/201818:54",
        "2018/04/2218:54",
        "令和8年1月2日",
        "12:30",
    ),
)
TEXTS = [*PARTS, *(f"{first} {second}" for first, second in itertools.permutations(PARTS, 2))]


def test_trades_are_found_word_by_word_where_the_patterns_find_them() -> None:
    for text in filter(str.isascii, TEXTS):
        pattern = names._LATIN_TRADE.search(text) or names._GLUED_TRADE.search(text)
        assert names.has_trade_word(text) is (pattern is not None), text


@pytest.mark.parametrize("name", ["山田商店", "カフェ・レストラン", "スーパー"])
def test_a_trade_of_japan_ends_a_name_that_has_more(name: str) -> None:
    assert names.has_trade_word(name) is (name != "スーパー")
    assert not names.has_trade_word(f" {names._JAPANESE_ENDINGS[0]}")


def test_no_street_is_missed_for_the_cheap_question() -> None:
    streets = [text for text in TEXTS if addresses._STREET.search(text) is not None]
    assert streets
    for text in streets:
        assert addresses._may_be_street(text.lower(), addresses._WORD.findall(text.lower())), text


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        (addresses._MAY_BE_TOWN, addresses.POSTCODE_TOWN),
        (counts._MULTIPLIES, counts._TIMES),
        (dates._HAS_EIGHT_DIGITS, dates._COMPACT),
        *((dates._HAS_TWO_MARKS, pattern) for pattern in (dates._YEAR_FIRST, dates._YEAR_FIRST_COMMA)),
        *((dates._HAS_TWO_MARKS, pattern) for pattern in (dates._YEAR_LAST, dates._YEAR_LAST_TIGHT)),
        (dates._HAS_TWO_MARKS, dates._YEAR_FIRST_TIGHT),
    ],
)
def test_where_the_pattern_matches_the_cheap_question_says_yes(cheap: re.Pattern[str], dear: re.Pattern[str]) -> None:
    matching = [text for text in TEXTS if dear.search(text) is not None]
    assert matching
    assert [text for text in matching if cheap.search(text) is None] == []


def test_what_is_no_money_and_amounts_begin_where_they_did_without_the_question() -> None:
    for pattern in (amounts._NOT_MONEY, amounts._AMOUNT):
        # The question is a lookahead at the pattern's beginning; without it the same is found, only later.
        bare = re.compile(pattern.pattern[_question_ends(pattern.pattern) :], re.IGNORECASE)
        for text in TEXTS:
            found = [match.span() for match in pattern.finditer(text)]
            assert found == [match.span() for match in bare.finditer(text)], text


def _question_ends(pattern: str) -> int:
    """Where the bracket that a pattern begins with is closed."""
    depth, in_class, at = 0, False, 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            at += 1
        elif character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        elif not in_class and character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return at + 1
        at += 1
    raise AssertionError("a bracket is never closed")
