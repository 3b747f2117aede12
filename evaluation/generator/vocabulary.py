"""Words by split: ``vocabulary/*.toml``, one table a key, one list a split, ``shared`` for what all splits use.

The world split's own words stand together in ``vocabulary/world.toml``, a table a file.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from evaluation.generator.splits import Split

Lists: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
SHARED = "shared"
LENDERS: Mapping[Split, tuple[Split, ...]] = {Split.WORLD: (Split.DEVELOP,)}
"""Whose words a split prints beside its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """One file's words: by key, then by split or ``shared``."""

    lists: Lists

    def choices(self, key: str, split: Split) -> tuple[str, ...]:
        """What a split may draw for a key: its own words, those of its lender and the shared ones.

        Raises:
            KeyError: the key has no words for this split.
        """
        lists = self.lists[key]
        sources = (split.value, *(lender.value for lender in LENDERS.get(split, ())), SHARED)
        words = tuple(word for source in sources for word in lists.get(source, ()))
        if not words:
            raise KeyError(f"no words for {key!r} in {split.value}")
        return words

    def own(self, split: Split) -> Iterator[tuple[str, str]]:
        """Each key and word that stands in a split's own lists."""
        for key, lists in self.lists.items():
            yield from ((key, word) for word in lists.get(split.value, ()))


@cache
def vocabulary(name: str) -> Vocabulary:
    """The words of ``vocabulary/<name>.toml``, and the world split's for it."""
    lists: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for key, by_split in _table(name).items():
        lists[key] |= {split: tuple(words) for split, words in by_split.items()}
    for key, own in _table(Split.WORLD.value).get(name, {}).items():
        by_split = own if isinstance(own, Mapping) else {Split.WORLD.value: own}
        lists[key] |= {split: tuple(words) for split, words in by_split.items()}
    return Vocabulary(lists=dict(lists))


def _table(name: str) -> Mapping[str, Any]:
    text = (files("evaluation.generator") / "vocabulary" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def folded(wording: str) -> str:
    """A wording as it is compared: NFKC, no white space, no case, no closing punctuation."""
    return "".join(unicodedata.normalize("NFKC", wording).casefold().split()).strip(":.。、()・")


def word_and_reading(entry: str) -> tuple[str, str]:
    """``佐藤=サトウ`` taken apart; a word without a reading is read as it is written."""
    word, _, reading = entry.partition("=")
    return word, reading or word
