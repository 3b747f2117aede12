"""The layouts: which template a document is printed with, put together from which parts, on what paper.

They stand in ``layouts_<split>.toml``. A frame says where the blocks of a page stand, a part how one block looks; both
are macros of ``templates/<split>/``, so that no split prints with another's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from evaluation.generator.splits import Split

# Width and height in millimetres. Rolls are cut where the text ends.
PAPERS: Mapping[str, tuple[float, float]] = {
    "a4": (210, 297),
    "a4-landscape": (297, 210),
    "a5-landscape": (210, 148),
    "b5": (182, 257),
    "letter": (215.9, 279.4),
    "slip": (182, 86),
    "roll-80": (80, 600),
    "roll-58": (58, 600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One structure of a document; fonts, sizes, rules, colours and forms of printing vary within it."""

    name: str
    template: str
    """The file in ``templates/<split>/``: ``invoices``, ``receipts`` or ``latin``."""
    frame: str
    parts: Mapping[str, str]
    language: str
    document_type: str
    paper: str
    traits: frozenset[str]
    """What the content has to bring, such as ``balance`` or ``many_accounts``, or the page leaves out."""
    trade: str
    """Which goods it is printed for; empty for any of the split's."""
    items: tuple[int, int]
    """How many rows, at least and at most."""

    @property
    def is_receipt(self) -> bool:
        """Whether it is printed for money that was paid."""
        return self.document_type == "receipt"

    @property
    def is_roll(self) -> bool:
        """Whether the paper is cut where the text ends."""
        return self.paper.startswith("roll")

    def has(self, trait: str) -> bool:
        """Whether the layout has a trait."""
        return trait in self.traits


@cache
def layouts(split: Split) -> tuple[Layout, ...]:
    """A split's layouts, in the file's order.

    Raises:
        ValueError: a layout is on paper that we do not have.
    """
    text = (files("evaluation.generator") / f"layouts_{split}.toml").read_text(encoding="utf-8")
    return tuple(_layout(name, row) for name, row in tomllib.loads(text).items())


def _layout(name: str, row: Mapping[str, Any]) -> Layout:
    paper = row.get("paper", "a4")
    if paper not in PAPERS:
        raise ValueError(f"layout {name}: no paper {paper!r}")
    lowest, highest = row.get("items", (1, 8))
    return Layout(
        name=name,
        template=row["template"],
        frame=row["frame"],
        parts=row.get("parts", {}),
        language=row.get("language", "ja"),
        document_type=row.get("document_type", "invoice"),
        paper=paper,
        traits=frozenset(row.get("traits", ())),
        trade=row.get("trade", ""),
        items=(lowest, highest),
    )
