"""The labelled sets of ``../shared/data`` and the bundled samples, as typed values.

The folder's README describes the labels. It lies beside the repository, or where ``OCR_SHARED_DATA`` says; none of
it is part of the project.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence

from evaluation.field_metrics import Value
from evaluation.ordering import PlacedText
from evaluation.shared_line_items import shared_line_items

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES_DIR = Path(__file__).resolve().parent / "samples"
POINTS_PER_INCH = 72
RENDER_DPI = 200

SETS = ("sroie", "zugferd", "docubench", "jp-receipts-synth", "invoice2data", "ocr-mini-bench", "tesseract-test")

# The sets' names of the fields, as api.md calls them. `amount_due` is looked at first: total_amount is what is to be
# paid, and a label's `total` is the invoice's total before what was already paid.
API_NAMES: dict[str, tuple[str, ...]] = {
    "issuer_name": ("issuer",),
    "recipient_name": ("recipient",),
    "document_number": ("invoice_number",),
    "document_date": ("date",),
    "due_date": ("due_date",),
    "total_amount": ("amount_due", "total"),
    "subtotal": ("subtotal",),
    "tax_amount": ("tax_total",),
    "registration_number": ("registration_number", "tax_id"),
    "bank_accounts": ("bank_account",),
    "phone": ("tel",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledDocument:
    """A document and what is known of it; null where a set does not say."""

    set_name: str
    path: Path
    lang: str
    lines: tuple[PlacedText, ...] | None
    """Quads in pixels: of the image, or of the PDF's pages at ``RENDER_DPI``."""
    full_text: str | None
    must_contain: tuple[str, ...]
    fields: Mapping[str, Value]
    is_upper_case: bool
    """The labels are in capitals whatever the document prints, so that case says nothing."""
    is_complete: bool = False
    """The labels name all that is printed: null is printed nowhere, and an account that they do not list is none."""
    damage: str | None = None
    """What was done to the page (``clean``: nothing); null where the set does not say."""
    layout: str | None = None
    evidence: Mapping[str, tuple[PlacedText, ...]] = field(default_factory=dict)
    """Where values stand, by field or part (``bank_accounts.0.number``): text as printed, quads as of ``lines``."""
    line_items: tuple[Mapping[str, object], ...] | None = None
    """Rows of the item table under the API's names; a part that a row does not name is not judged."""
    document_type: str | None = None
    """What kind of document it is, as the API calls it; null where the set does not say."""


def shared_data_dir() -> Path:
    """Where the labelled sets lie; it need not exist."""
    return Path(os.environ.get("OCR_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")


def load_set(name: str, root: Path | None = None) -> list[LabelledDocument]:
    """Every document of one set.

    Raises:
        FileNotFoundError: the set is not there.
    """
    folder = (root or shared_data_dir()) / name
    with (folder / "labels.jsonl").open(encoding="utf-8") as rows:
        return [_document(name, folder, json.loads(row)) for row in rows if row.strip()]


def load_generated(folder: Path) -> list[LabelledDocument]:
    """Documents that ``evaluation.generator`` made, as a set named after their folder.

    Raises:
        FileNotFoundError: there are none.
    """
    with (folder / "labels.jsonl").open(encoding="utf-8") as rows:
        return [_generated(folder, json.loads(row)) for row in rows if row.strip()]


def load_samples() -> list[LabelledDocument]:
    """The documents that come with the project, with each printed string's place in the PDF."""
    samples = []
    for path in sorted(SAMPLES_DIR.glob("*.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        pdf = path.with_name(truth["file"])
        samples.append(
            LabelledDocument(
                set_name="samples",
                path=pdf,
                lang=truth["lang"],
                lines=tuple(_locate(pdf, truth["lines"])),
                full_text="\n".join(truth["lines"]),
                must_contain=tuple(truth["lines"]),
                fields=truth["fields"],
                is_upper_case=False,
                is_complete=True,
                damage="clean",
            )
        )
    return samples


def page_images(path: Path, *, dpi: int = RENDER_DPI) -> Iterator[NDArray[np.uint8]]:
    """Each page or frame as (H, W, 3) uint8 RGB; PDFs rasterised at ``dpi``, images upright after their EXIF."""
    if path.suffix.lower() == ".pdf":
        with pdfium.PdfDocument(path) as document:
            for page in document:
                bitmap = page.render(scale=dpi / POINTS_PER_INCH, rev_byteorder=True)
                # PDFium's memory goes with the bitmap.
                yield np.array(bitmap.to_numpy()[:, :, :3], np.uint8)
        return
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            yield np.asarray(ImageOps.exif_transpose(frame).convert("RGB"), np.uint8)


def _document(set_name: str, folder: Path, row: Mapping[str, Any]) -> LabelledDocument:
    scale = RENDER_DPI / POINTS_PER_INCH if row.get("pages") and row["file"].lower().endswith(".pdf") else 1.0
    lines = row.get("lines")
    return LabelledDocument(
        set_name=set_name,
        path=folder / row["file"],
        lang=row["lang"],
        lines=tuple(_placed(line, scale) for line in lines) if lines else None,
        full_text=row.get("full_text"),
        must_contain=tuple(row.get("must_contain") or ()),
        fields=_fields(row),
        is_upper_case="upper-cased" in (row.get("note") or ""),
        damage=row.get("damage") or row.get("variant"),
        layout=row.get("layout"),
        line_items=shared_line_items(set_name, row),
    )


def _generated(folder: Path, row: Mapping[str, Any]) -> LabelledDocument:
    """A row of the generator: pages counted from 1, fields under the API's names, null where one is not printed."""
    evidence = {
        path: tuple(PlacedText(text=place["text"], quad=place["quad"], page=place["page"]) for place in places)
        for path, places in row["evidence"].items()
    }
    return LabelledDocument(
        set_name=f"{row['set']}-{folder.name}",
        path=folder / row["file"],
        lang=row["lang"],
        lines=tuple(PlacedText(text=line["text"], quad=line["quad"], page=line["page"]) for line in row["lines"]),
        full_text=None,
        must_contain=(),
        fields=row["fields"],
        is_upper_case=False,
        is_complete=True,
        damage=row["damage"],
        layout=row["layout"],
        evidence=evidence,
        line_items=tuple(row["line_items"]),
    )


def _placed(line: Mapping[str, Any], scale: float) -> PlacedText:
    quad = [(x * scale, y * scale) for x, y in line["quad"]]
    return PlacedText(text=line["text"], quad=quad, page=int(line.get("page") or 0) + 1)


def _fields(row: Mapping[str, Any]) -> dict[str, Value]:
    """The row's fields under the API's names; those that the document does not show are left out."""
    labelled: Mapping[str, Any] = row.get("fields") or {}
    visible: Mapping[str, bool] = row.get("fields_visible") or {}
    known = {name: value for name, value in labelled.items() if value is not None and visible.get(name, True)}
    fields: dict[str, Value] = {}
    for api_name, names in API_NAMES.items():
        value = next((known[name] for name in names if name in known), None)
        if value is not None:
            fields[api_name] = [{"number": value}] if api_name == "bank_accounts" else value
    return fields


def _locate(pdf: Path, lines: list[str]) -> Iterator[PlacedText]:
    """Find each string in the PDF's first page.

    Longest first, each taking its characters away, so that a cell ``1`` is not found inside of another number.

    Raises:
        ValueError: a string is not printed.
    """
    with pdfium.PdfDocument(pdf) as document:
        characters, boxes = _printed_characters(document[0])
    places: dict[int, PlacedText] = {}
    for index in sorted(range(len(lines)), key=lambda i: (-len(lines[i]), i)):
        wanted = "".join(lines[index].split())
        start = characters.find(wanted)
        if start < 0:
            raise ValueError(f"{pdf.name} does not print {lines[index]!r}")
        end = start + len(wanted)
        x0, y0 = min(box[0] for box in boxes[start:end]), min(box[1] for box in boxes[start:end])
        x1, y1 = max(box[2] for box in boxes[start:end]), max(box[3] for box in boxes[start:end])
        places[index] = PlacedText(text=lines[index], quad=[(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        characters = characters[:start] + "\0" * len(wanted) + characters[end:]
    yield from (places[index] for index in range(len(lines)))


def _printed_characters(page: pdfium.PdfPage) -> tuple[str, list[tuple[float, float, float, float]]]:
    """The page's characters without white space, and each one's left, top, right and bottom at ``RENDER_DPI``."""
    scale, height_pt = RENDER_DPI / POINTS_PER_INCH, page.get_height()
    text_page = page.get_textpage()
    characters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for index in range(text_page.count_chars()):
        character = text_page.get_text_range(index, 1)
        if len(character) == 1 and not character.isspace():
            left, bottom, right, top = text_page.get_charbox(index, loose=True)
            characters.append(character)
            boxes.append((left * scale, (height_pt - top) * scale, right * scale, (height_pt - bottom) * scale))
    return "".join(characters), boxes
