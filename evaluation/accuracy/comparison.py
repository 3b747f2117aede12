"""A run held against an older one: which fields are better and worse, and which documents changed sides.

Only what both runs measured is compared: documents that one of them lacks are counted and left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.accuracy.record import SCHEMA_VERSION
from evaluation.accuracy.tables import Section
from evaluation.markdown import table

Json = Mapping[str, Any]
Key = tuple[str, str]
"""Set and file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A field of a document that is right in one of the runs only."""

    set_name: str
    field: str
    file: str
    is_better: bool
    kind: str
    """What is, or was, wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of one set: of the documents in both runs, how many are right."""

    set_name: str
    field: str
    documents: int
    right_before: int
    right_now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed."""

    changes: tuple[Change, ...]
    """Every field of every set, also those that stayed."""
    flips: tuple[Flip, ...]
    only_before: int
    only_now: int


def compare(older: Json, newer: Json) -> Comparison:
    """Hold two records of ``record.py`` against each other.

    Raises:
        ValueError: one of them is none, or is of another version.
    """
    before, now = _documents(older), _documents(newer)
    common = [key for key in now if key in before]
    flips: list[Flip] = []
    rights: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for key in common:
        for field, was, became in _fields_of_both(before[key], now[key]):
            rights[key[0], field].append((was["right"], became["right"]))
            if was["right"] != became["right"]:
                kind = was["kind"] if became["right"] else became["kind"]
                flips.append(Flip(set_name=key[0], field=field, file=key[1], is_better=became["right"], kind=kind))
    changes = tuple(
        Change(
            set_name=set_name,
            field=field,
            documents=len(pairs),
            right_before=sum(was for was, _ in pairs),
            right_now=sum(became for _, became in pairs),
        )
        for (set_name, field), pairs in rights.items()
    )
    return Comparison(
        changes=changes,
        flips=tuple(sorted(flips, key=lambda flip: (flip.set_name, flip.field, flip.is_better, flip.file))),
        only_before=len(before) - len(common),
        only_now=len(now) - len(common),
    )


def comparison_sections(comparison: Comparison) -> list[Section]:
    """The fields that changed, and the documents that flipped."""
    rows = []
    for change in comparison.changes:
        flips_of_field = [f for f in comparison.flips if (f.set_name, f.field) == (change.set_name, change.field)]
        if flips_of_field:
            better = sum(flip.is_better for flip in flips_of_field)
            share_before, share_now = change.right_before / change.documents, change.right_now / change.documents
            rows.append(
                [
                    f"{change.set_name}: {change.field}",
                    str(change.documents),
                    f"{share_before:.3f}",
                    f"{share_now:.3f}",
                    f"{share_now - share_before:+.3f}",
                    f"+{better} −{len(flips_of_field) - better}",
                ]
            )
    content = table(["field", "documents", "before", "now", "Δ", "flips"], rows) if rows else "Nothing changed."
    if comparison.only_before or comparison.only_now:
        content += (
            f"\n\nNot compared: {comparison.only_before} documents of the older run alone, "
            f"{comparison.only_now} of this one alone."
        )
    flips = "\n".join(map(_flip_line, comparison.flips))
    return [
        *([Section(heading="Documents that changed sides", content=flips)] if flips else []),
        Section(
            heading="Against the older run: share of documents whose field is right", content=content, is_summary=True
        ),
    ]


def _flip_line(flip: Flip) -> str:
    way, when = ("better", "was") if flip.is_better else ("WORSE", "now")
    return f"- {way} {flip.set_name}: {flip.field} of {flip.file} ({when} {flip.kind})"


def _documents(record: Json) -> dict[Key, Json]:
    if record.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"not figures of version {SCHEMA_VERSION}")
    return {(document["set"], document["file"]): document["fields"] for document in record["documents"]}


def _fields_of_both(before: Json, now: Json) -> list[tuple[str, Json, Json]]:
    return [(field, before[field], now[field]) for field in now if field in before]
