"""A document's row of ``labels.jsonl``: what is printed, and where, before and after the damage."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.generator.compose import ComposedDocument
from evaluation.generator.content import Account, Content, LineItem
from evaluation.generator.evidence import Box, PrintedDocument

# JSON, as the standard library writes it.
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Homography: TypeAlias = NDArray[np.float64]

FIELDS = (
    "issuer_name",
    "recipient_name",
    "document_number",
    "document_date",
    "due_date",
    "total_amount",
    "subtotal",
    "tax_amount",
    "registration_number",
    "bank_accounts",
    "phone",
)


def label_row(
    composed: ComposedDocument,
    printed: PrintedDocument,
    *,
    file: str,
    pdf: str | None,
    damage: str,
    homographies: Sequence[Homography],
    sizes_px: Sequence[tuple[int, int]],
) -> dict[str, Json]:
    """Everything that is known of a document.

    Args:
        composed: The document as drawn.
        printed: Where its values stand on the undamaged pages.
        file: Its image or PDF, relative to the labels.
        pdf: Its undamaged PDF with a text layer, if that is kept.
        damage: The level's name.
        homographies: For each page, undamaged pixels to the damaged image's.
        sizes_px: Each damaged page's width and height.
    """
    printout, content = composed.printout, composed.printout.content
    evidence = _evidence(composed, printed, homographies)
    fields: dict[str, Json] = {}
    for name in FIELDS:
        if name in printout.unjudged:
            continue
        if name == "bank_accounts":
            fields[name] = _accounts(content, evidence)
        else:
            fields[name] = _value(name, content, printout.amounts, evidence)
    lines: list[Json] = [
        {"text": line.text, "page": line.page, "quad": _moved(line.box, homographies[line.page - 1])}
        for line in printed.lines
    ]
    return {
        "file": file,
        "pdf": pdf,
        "set": "generated",
        "split": printout.split.value,
        "index": composed.index,
        "lang": content.language,
        "document_type": composed.layout.document_type,
        "layout": composed.layout.name,
        "damage": damage,
        "font": printout.style.font,
        "wording": dict(sorted(printout.wordings.items())),
        "page_sizes_px": [list(size) for size in sizes_px],
        "synthetic": True,
        "fields": fields,
        "unjudged": [*sorted(printout.unjudged)],
        "line_items": _line_items(content, evidence),
        "arithmetic": _arithmetic(content),
        "evidence": {path: list(places) for path, places in evidence.items()},
        "lines": lines,
        "must_contain": [],
    }


def quad_of(box: Box) -> list[list[float]]:
    """A box as a quad, clockwise from its top left."""
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _evidence(
    composed: ComposedDocument, printed: PrintedDocument, homographies: Sequence[Homography]
) -> dict[str, list[Json]]:
    """Each printed path's places, in the template's order: page, text, quads of the undamaged and damaged page."""
    evidence: dict[str, list[Json]] = defaultdict(list)
    marks = composed.printout.marks
    for placed in sorted(printed.marks, key=lambda placed: (placed.number, placed.page)):
        mark = marks[placed.number]
        if mark.text:
            place: dict[str, Json] = {
                "page": placed.page,
                "text": mark.text,
                "quad_undamaged": _rounded(quad_of(placed.box)),
                "quad": _moved(placed.box, homographies[placed.page - 1]),
            }
            evidence[mark.path].append(place)
    return dict(evidence)


def _moved(box: Box, homography: Homography) -> Json:
    corners = np.asarray(quad_of(box), np.float64).reshape(1, 4, 2)
    moved = cv2.perspectiveTransform(corners, homography)
    return _rounded(moved[0].tolist())


def _rounded(quad: Sequence[Sequence[float]]) -> Json:
    return [[round(float(x), 1), round(float(y), 1)] for x, y in quad]


def _phone(printed: str, currency: str) -> str:
    """As the API has it: the groups of Japanese numbers are parted by hyphens, however they are printed."""
    return re.sub(r"[-() ]+", "-", printed).strip("-") if currency == "JPY" and printed[:1] != "+" else printed


def _value(name: str, content: Content, amounts: Mapping[str, Decimal], evidence: Mapping[str, Sequence[Json]]) -> Json:
    """A field's value; null where the document does not print it."""
    if name not in evidence:
        return None
    if name == "phone":
        # Of the places that print it, the first: a layout may set the area code in brackets, which a value has not.
        first = evidence[name][0]
        return _phone(str(first["text"]), content.currency) if isinstance(first, dict) else None
    if name in amounts:
        return {"value": _number(amounts[name], content.currency), "currency": content.currency}
    texts = {
        "issuer_name": content.issuer.name,
        "recipient_name": content.recipient.name,
        "document_number": content.number,
        "document_date": content.date.isoformat(),
        "due_date": content.due.isoformat(),
        "registration_number": content.issuer.registration_number,
    }
    return texts[name]


def _accounts(content: Content, evidence: Mapping[str, Sequence[Json]]) -> Json:
    """The accounts with the parts that are printed; null where none is."""
    accounts = [_account(index, account, evidence) for index, account in enumerate(content.accounts)]
    printed: list[Json] = [account for account in accounts if account]
    return printed or None


def _account(index: int, account: Account, evidence: Mapping[str, Sequence[Json]]) -> dict[str, Json]:
    path = f"bank_accounts.{index}."
    if path + "number" not in evidence:
        return {}
    label: dict[str, Json] = {}
    # A postal transfer account names no bank and no type, and everybody knows both: they are not judged.
    for part in ("branch", "holder") if account.kind == "transfer" else ("bank", "branch", "holder"):
        places = evidence.get(path + part)
        first = places[0] if places else None
        label[part] = first["text"] if isinstance(first, dict) else None
    label["number"] = account.number
    if account.account_type:
        label["type"] = account.account_type
    return label


def _line_items(content: Content, evidence: Mapping[str, object]) -> Json:
    """The items with the cells that are printed, null for the others.

    A rate that is not printed is left out, since the mark of the reduced rate, or the only rate below, may tell it.
    """
    return [
        _line_item(index, item, content.currency, evidence)
        for index, item in enumerate(content.items)
        if f"line_items.{index}.description" in evidence
    ]


def _line_item(index: int, item: LineItem, currency: str, evidence: Mapping[str, object]) -> Json:
    values: dict[str, Json] = {
        "description": item.description,
        "quantity": _plain(item.quantity),
        "unit": item.unit,
        "unit_price": _number(item.unit_price, currency),
        "amount": _number(item.amount, currency),
        "tax_rate_percent": _plain(item.tax_rate_percent),
    }
    printed = {name: value if f"line_items.{index}.{name}" in evidence else None for name, value in values.items()}
    if printed["tax_rate_percent"] is None:
        del printed["tax_rate_percent"]
    return printed


def _arithmetic(content: Content) -> dict[str, Json]:
    """What the printed sums come from, printed or not: subtotal + tax - withholding + carried over = total."""
    sums, currency = content.sums, content.currency
    return {
        "prices_include_tax": sums.includes_tax,
        "discount": _number(sums.discount, currency),
        "subtotal": _number(sums.subtotal, currency),
        "tax": _number(sums.tax, currency),
        "withholding": _number(sums.withholding, currency),
        "carried_over": _number(sums.balance.carried_over if sums.balance else Decimal(0), currency),
        "total": _number(sums.total, currency),
    }


def _number(value: Decimal, currency: str) -> Json:
    """Yen as an integer, other currencies as a decimal string with two places."""
    return int(value) if currency == "JPY" else f"{value:.2f}"


def _plain(value: Decimal) -> Json:
    return int(value) if value == value.to_integral_value() else float(value)
