"""The hostile corpus beside the repository: each file with the answers that its index allows. Read in place."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("OCR_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
HOSTILE = SHARED_DATA / "hostile"

CODES: dict[str, tuple[int, str]] = {
    "413": (413, "document_too_large"),
    "415": (415, "unsupported_media_type"),
    "422": (422, "unreadable_document"),
    "password_required": (422, "password_required"),
}
"""What the API says for an answer of the index other than ``ok``: status and code."""

MANY_PAGES = {"fc__275884.pdf": 98, "fc__504076.pdf": 33}
"""Sound files with more pages than the sync API reads at once; all others have no more than its 30."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file of the corpus."""

    path: Path
    expected: frozenset[str]
    """``ok`` or keys of ``CODES``: each of them is a right answer."""


def cases() -> list[Case]:
    """Every file that an index lists; empty where the corpus is not there."""
    found: list[Case] = []
    for folder in ("bad", "unusual"):
        index = HOSTILE / folder / "index.csv"
        if not index.exists():
            continue
        with index.open(newline="") as rows:
            found += [
                Case(path=HOSTILE / folder / row["file"], expected=_answers(row["expect"]))
                for row in csv.DictReader(rows)
            ]
    return found


def _answers(expect: str) -> frozenset[str]:
    """``ok or 422`` as a set; a file that is locked says so, and not only that it is unreadable."""
    words = {word for word in expect.replace("downscale", "ok").split() if word == "ok" or word in CODES}
    return frozenset(words - {"422"} if "password_required" in words else words)


CASES = cases()
needs_corpus = pytest.mark.skipif(not CASES, reason=f"the hostile corpus is not at {HOSTILE}")
each_case = pytest.mark.parametrize("case", CASES, ids=[case.path.name for case in CASES])
