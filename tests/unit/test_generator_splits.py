"""What is fitted on one split must not have seen the others: layouts, wordings, names, goods and fonts are apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import pytest

from evaluation.generator.layouts import layouts
from evaluation.generator.splits import Split
from evaluation.generator.vocabulary import SHARED, folded, vocabulary, word_and_reading

WORDINGS = ("wordings_ja", "wordings_en", "wordings_de", "wordings_fr")
NAMES = ("names_ja", "names_latin")
PAIRS = list(combinations(Split, 2))


def own_words(name: str, split: Split) -> set[str]:
    """A split's own words as they are compared; of names without their readings, of patterns without their digits."""
    words = (word for _, word in vocabulary(name).own(split))
    return {folded(word_and_reading(word)[0]) for word in words if word}


def structures(split: Split) -> Iterator[tuple[str, str, str]]:
    """Each frame and part that a split's layouts are made of, with its template and kind."""
    for layout in layouts(split):
        yield layout.template, "frame", layout.frame
        yield from ((layout.template, kind, name) for kind, name in layout.parts.items())


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("name", [*WORDINGS, *NAMES, "fonts"])
def test_no_two_splits_share_a_word(name: str, one: Split, other: Split) -> None:
    assert own_words(name, one) & own_words(name, other) == set()


@pytest.mark.parametrize("name", [*WORDINGS, *NAMES])
def test_a_splits_own_words_are_not_among_the_shared_ones(name: str) -> None:
    shared = {
        folded(word_and_reading(word)[0]) for lists in vocabulary(name).lists.values() for word in lists.get(SHARED, ())
    }
    for split in Split:
        assert own_words(name, split) & shared == set()


def test_shared_wordings_name_no_field_but_titles_honorifics_and_fixed_terms() -> None:
    shared = {key for name in WORDINGS for key, lists in vocabulary(name).lists.items() if SHARED in lists}
    assert shared == {
        "title_invoice",
        "title_delivery_invoice",
        "title_delivery",
        "title_receipt",
        "honorific_company",
        "honorific_person",
        "fax",
        "postal_symbol",
        "postal_number",
        "transfer_account",
        "iban",
        "bic",
        "sort_code",
        "column_unit",
        "reduced_note",
    }


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_two_splits_share_a_frame_or_a_part(one: Split, other: Split) -> None:
    assert set(structures(one)) & set(structures(other)) == set()
    assert {layout.name for layout in layouts(one)} & {layout.name for layout in layouts(other)} == set()


def test_no_two_splits_sell_the_same_goods() -> None:
    sold: dict[str, set[str]] = defaultdict(set)
    for key, trades in vocabulary("items_ja").lists.items():
        sold[key.removeprefix("receipt_")] |= {
            folded(entry.split("=")[0]) for entries in trades.values() for entry in entries
        }
    assert set(sold) == {split.value for split in Split}
    for one, other in PAIRS:
        assert sold[one.value] & sold[other.value] == set()


def test_no_two_layouts_of_a_split_are_alike() -> None:
    for split in Split:
        made_of = [
            (layout.template, layout.frame, tuple(layout.parts.items()), layout.paper, layout.language, layout.traits)
            for layout in layouts(split)
        ]
        assert len(set(made_of)) == len(made_of)


def test_there_are_layouts_enough_and_a_quarter_is_not_japanese() -> None:
    counts = {split: len(layouts(split)) for split in Split}
    assert counts[Split.TRAIN] >= 40
    assert counts[Split.TEST] >= 24
    for split in Split:
        foreign = sum(layout.language != "ja" for layout in layouts(split))
        assert 0.2 <= foreign / counts[split] <= 0.35


def test_the_world_split_prints_its_own_words_and_those_of_the_split_that_is_looked_at() -> None:
    banks = vocabulary("names_ja").choices("banks", Split.WORLD)
    assert set(banks) > set(vocabulary("names_ja").choices("banks", Split.DEVELOP))
    assert not set(banks) & set(vocabulary("names_ja").choices("banks", Split.TRAIN))


def test_every_split_has_words_for_every_key() -> None:
    for name in (*WORDINGS, "fonts"):
        for key in vocabulary(name).lists:
            for split in Split:
                assert vocabulary(name).choices(key, split)
