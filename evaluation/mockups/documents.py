"""The mock-ups' files: the truth in TOML between two rows of ``+++``, and below it the page."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.datasets import LabelledDocument
from evaluation.field_metrics import AMOUNT_FIELDS, Value
from evaluation.mockups.drawing import Drawing, parse_drawing

PAGES_DIR = Path(__file__).resolve().parent / "pages"
HOLDOUTS = ("holdout", "holdout2")
"""For measuring: nobody looks at their failures, and nothing is fitted to them."""
SETS = ("craft", "services", "trade", "foreign", "parties", "payments", *HOLDOUTS)
_FENCE = "+++\n"
_TEXT_FIELDS = (
    "issuer_name",
    "recipient_name",
    "document_number",
    "document_date",
    "due_date",
    "total_amount",
    "subtotal",
    "tax_amount",
    "registration_number",
    "phone",
)


class BadMockup(ValueError):
    """A file that is not in the form; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mockup:
    """One document."""

    labels: LabelledDocument
    drawing: Drawing
    text: str
    """The page as drawn."""


def load_mockups(name: str, folder: Path = PAGES_DIR) -> list[Mockup]:
    """One set, in the order of its files' names.

    Raises:
        BadMockup: a file is not in the form.
    """
    return list(_load(name, folder / name))


def _load(name: str, folder: Path) -> Iterator[Mockup]:
    for path in sorted(folder.glob("*.txt")):
        before, truth, page = _parts(path)
        if before:
            raise BadMockup(f"{path.name}: it does not begin with +++")
        drawing = parse_drawing(page)
        yield Mockup(labels=_labels(name, path, truth, drawing), drawing=drawing, text=page)


def _parts(path: Path) -> tuple[str, Mapping[str, Any], str]:
    pieces = path.read_text(encoding="utf-8").split(_FENCE, maxsplit=2)
    if len(pieces) != 3:
        raise BadMockup(f"{path.name}: the truth does not stand between two rows of +++")
    try:
        return pieces[0], tomllib.loads(pieces[1]), pieces[2]
    except tomllib.TOMLDecodeError as error:
        raise BadMockup(f"{path.name}: {error}") from error


def _labels(set_name: str, path: Path, truth: Mapping[str, Any], drawing: Drawing) -> LabelledDocument:
    fields: dict[str, Value] = {name: _value(name, truth) for name in _TEXT_FIELDS if name in truth}
    fields["bank_accounts"] = [dict(account) for account in truth.get("bank_accounts", [])]
    listed = truth.get("line_items_listed", True) and "line_items" in truth
    return LabelledDocument(
        set_name=set_name,
        path=path,
        lang="ja" if drawing.japanese else "en",
        lines=None,
        full_text=None,
        must_contain=(),
        fields=fields,
        is_upper_case=False,
        is_complete=True,
        layout=path.stem,
        line_items=tuple(_row(row) for row in truth["line_items"]) if listed else None,
        document_type=truth.get("kind"),
    )


def _value(name: str, truth: Mapping[str, Any]) -> Value:
    value: Value = truth[name]
    if value in ("", None):
        return None
    if name in AMOUNT_FIELDS and "currency" in truth:
        return {"value": value, "currency": truth["currency"]}
    return value


def _row(row: Mapping[str, Any]) -> Mapping[str, object]:
    return dict(row)
