"""A run: draws documents, prints them in batches, rasterises and damages them, writes files and labels."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image

from evaluation.generator.compose import ComposedDocument, compose
from evaluation.generator.damage import LEVELS
from evaluation.generator.damage.page import DamagedPage, Pixels
from evaluation.generator.evidence import DPI, SCALE, PrintedDocument, find_documents
from evaluation.generator.labels import Json, label_row
from evaluation.generator.printing import print_pdf
from evaluation.generator.splits import Split

BATCH = 50
MOST_ATTEMPTS = 6
LABELS = "labels.jsonl"
FILES = "files"
# PIL writes the time into a PDF unless it is told one; two runs of one seed are to be the same.
EPOCH = time.gmtime(0)


class LayoutOverflow(Exception):
    """A document does not fit on its sheets, however few items it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to make."""

    split: Split
    count: int
    seed: int
    damages: tuple[str, ...]
    """Levels in turn: the document ``i`` gets the level ``i`` modulo their number."""
    with_pdf: bool
    """Keep each undamaged document as a PDF with a text layer as well."""
    first: int = 0
    """The first document's index, so that a run can go on where another ended."""


def generate(plan: Plan, folder: Path) -> Iterator[dict[str, Json]]:
    """Make documents; each one's row of labels, as its files are written.

    Args:
        plan: What to make.
        folder: Where files go; ``labels.jsonl`` is written when all is done.

    Raises:
        GeneratorNotReady: browser or fonts are missing.
        LayoutOverflow: a layout has no room for its content.
    """
    (folder / FILES).mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    for start in range(plan.first, plan.first + plan.count, BATCH):
        indexes = range(start, min(start + BATCH, plan.first + plan.count))
        composed = [compose(index=index, seed=plan.seed, split=plan.split) for index in indexes]
        by_index: dict[int, dict[str, Json]] = {}
        for document, printed, pdf in print_documents(composed, seed=plan.seed):
            by_index[document.index] = _write(plan, folder, document, printed, pdf)
        for index in indexes:
            rows.append(json.dumps(by_index[index], ensure_ascii=False, sort_keys=True))
            yield by_index[index]
    (folder / LABELS).write_text("".join(row + "\n" for row in rows), encoding="utf-8")


def print_documents(
    composed: Sequence[ComposedDocument], *, seed: int
) -> Iterator[tuple[ComposedDocument, PrintedDocument, pdfium.PdfDocument]]:
    """Print documents; those that do not fit are drawn again with fewer items.

    Raises:
        LayoutOverflow: one does not fit, however few its items are.
    """
    waiting = list(composed)
    while waiting:
        left: list[ComposedDocument] = []
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / "run.pdf"
            print_pdf(waiting, path)
            rolls = frozenset(document.index for document in waiting if document.layout.is_roll)
            with pdfium.PdfDocument(path) as pdf:
                found = find_documents(pdf, roll_indexes=rolls)
                for document in waiting:
                    printed = found[document.index]
                    if fits(document, printed):
                        yield document, printed, pdf
                    else:
                        left.append(_with_fewer_items(document, seed=seed))
        waiting = left


def fits(document: ComposedDocument, printed: PrintedDocument) -> bool:
    """Whether a document stands on its sheets: none runs over, nothing sticks out."""
    if len(printed.pdf_pages) != document.printout.sheet_count:
        return False
    return all(
        mark.box[0] >= -1
        and mark.box[2] <= printed.sizes_px[mark.page - 1][0] + 1
        and mark.box[3] <= printed.sizes_px[mark.page - 1][1] + 1
        for mark in printed.marks
    )


def page_pixels(pdf: pdfium.PdfDocument, printed: PrintedDocument) -> list[Pixels]:
    """A document's undamaged pages at ``DPI``, (H, W, 3) uint8 RGB."""
    pages = []
    for number in printed.pdf_pages:
        bitmap = pdf[number].render(scale=SCALE, rev_byteorder=True, draw_annots=False)
        pages.append(np.array(bitmap.to_numpy()[:, :, :3], np.uint8))
    return pages


def damage_pages(pages: Sequence[Pixels], *, level: str, seed: int, index: int) -> list[DamagedPage]:
    """Damage a document's pages, each in its own way; the same seed and index give the same images."""
    damage = LEVELS[level]
    key = zlib.crc32(level.encode("ascii"))
    return [damage(page, np.random.default_rng((seed, index, key, number))) for number, page in enumerate(pages)]


def _with_fewer_items(document: ComposedDocument, *, seed: int) -> ComposedDocument:
    if document.attempt >= MOST_ATTEMPTS:
        raise LayoutOverflow(f"{document.layout.name}: document {document.index} does not fit")
    split = document.printout.split
    return compose(index=document.index, seed=seed, split=split, layout=document.layout, attempt=document.attempt + 1)


def _write(
    plan: Plan, folder: Path, document: ComposedDocument, printed: PrintedDocument, pdf: pdfium.PdfDocument
) -> dict[str, Json]:
    level = plan.damages[document.index % len(plan.damages)]
    pages = damage_pages(page_pixels(pdf, printed), level=level, seed=plan.seed, index=document.index)
    stem = f"{FILES}/{document.index:05d}-{document.layout.name}-{level}"
    file = stem + (pages[0].suffix if len(pages) == 1 else ".pdf")
    _write_image(folder / file, pages)
    vector = None
    if plan.with_pdf:
        vector = f"{FILES}/{document.index:05d}-{document.layout.name}.text.pdf"
        _write_pdf(folder / vector, pdf, printed)
    return label_row(
        document,
        printed,
        file=file,
        pdf=vector,
        damage=level,
        homographies=[page.homography for page in pages],
        sizes_px=[(page.pixels.shape[1], page.pixels.shape[0]) for page in pages],
    )


def _write_image(path: Path, pages: Sequence[DamagedPage]) -> None:
    """One page as its level's kind of image, several as a PDF of images."""
    if len(pages) > 1:
        first, *others = [Image.fromarray(page.pixels) for page in pages]
        quality = pages[0].jpeg_quality
        first.save(
            path, "PDF", resolution=DPI, save_all=True, append_images=others, quality=quality,
            creationDate=EPOCH, modDate=EPOCH,
        )  # fmt: skip
        return
    page = pages[0]
    is_jpeg = path.suffix == ".jpg"
    options = [cv2.IMWRITE_JPEG_QUALITY, page.jpeg_quality] if is_jpeg else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    is_grey = not is_jpeg and bool((page.pixels[:, :, :1] == page.pixels).all())
    image = page.pixels[:, :, 0] if is_grey else cv2.cvtColor(page.pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(path.suffix, image, options)
    path.write_bytes(data.tobytes())


def _write_pdf(path: Path, pdf: pdfium.PdfDocument, printed: PrintedDocument) -> None:
    """A document's own pages with their text layer, without the links that we found the values by."""
    with pdfium.PdfDocument.new() as single:
        single.import_pages(pdf, printed.pdf_pages)
        for page in single:
            while pdfium_c.FPDFPage_GetAnnotCount(page):
                pdfium_c.FPDFPage_RemoveAnnot(page, 0)
        single.save(path)
