"""The documents of a load test, made of the mix's files once, before anything is sent."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image

from loadtest.documents import Document, can_vary, write_corpus
from loadtest.mix import Kind, Making, Mix, MixError

REPOSITORY = Path(__file__).resolve().parent.parent
SCAN_DPI = 200
SCAN_QUALITY = 75
"""Of JPEG: what office scanners use."""
FAX_THRESHOLD = 160
"""Grey above it is white; below it print in light grey is lost, as it is on faxes."""


def make_corpus(mix: Mix, folder: Path, *, root: Path = REPOSITORY) -> list[Document]:
    """Make the mix's documents and write them into ``folder``, with a list of them.

    The same mix and files give the same documents.

    Args:
        mix: What to make.
        folder: Where to write; made if it is not there.
        root: What the mix's patterns are relative to.

    Raises:
        MixError: a kind finds too few files.
    """
    documents = [document for kind in mix.kinds for document in _make_kind(kind, mix, root)]
    write_corpus(documents, folder)
    return documents


def _make_kind(kind: Kind, mix: Mix, root: Path) -> list[Document]:
    draw = random.Random(f"{mix.seed}:{kind.name}")
    files = sorted({file for pattern in kind.files for file in root.glob(pattern) if file.is_file()})
    draw.shuffle(files)
    as_they_are = kind.made is Making.AS_THEY_ARE
    documents: list[Document] = []
    while files and len(documents) < kind.different:
        taken, files = _take(files, kind) if as_they_are else (files[: kind.pages], files[kind.pages :])
        if len(taken) < (1 if as_they_are else kind.pages):
            break
        suffix, content = _make(taken, kind.made)
        documents.append(
            Document(
                kind=kind.name,
                name=f"{kind.name}-{len(documents):02d}{suffix}",
                pages=kind.pages,
                deadline_s=kind.deadline_s or mix.deadline_s,
                content=content,
            )
        )
    if not documents:
        raise MixError(
            f"mix {mix.name!r}, kind {kind.name!r}: too few files of {kind.pages} pages match {', '.join(kind.files)} "
            f"in {root}; `make generate` makes those in out/generated, and --mix samples needs none of them"
        )
    return documents


def _take(files: Sequence[Path], kind: Kind) -> tuple[list[Path], list[Path]]:
    """The first file with the kind's number of pages that can be sent in other bytes, and those behind it."""
    for index, file in enumerate(files):
        if can_vary(file.read_bytes()) and _page_count(file) == kind.pages:
            return [file], list(files[index + 1 :])
    return [], []


def _page_count(file: Path) -> int:
    if file.suffix.lower() != ".pdf":
        return 1
    with pdfium.PdfDocument(file) as opened:
        return len(opened)


def _make(files: Sequence[Path], made: Making) -> tuple[str, bytes]:
    match made:
        case Making.AS_THEY_ARE:
            return files[0].suffix.lower(), files[0].read_bytes()
        case Making.JOINED_PDF:
            return ".pdf", _join(files)
        case Making.SCANNED_PDF:
            pages = [_picture(file).convert("RGB") for file in files]
            return ".pdf", _save(pages, "PDF", resolution=SCAN_DPI, quality=SCAN_QUALITY)
        case Making.FAX_TIFF:
            pages = [
                _picture(file).convert("L").point(lambda grey: 255 * (grey > FAX_THRESHOLD)).convert("1", dither=None)
                for file in files
            ]
            return ".tif", _save(pages, "TIFF", compression="group4", dpi=(SCAN_DPI, SCAN_DPI))
        case Making.PNG:
            return ".png", _save([_picture(files[0])], "PNG", dpi=(SCAN_DPI, SCAN_DPI))


def _join(files: Sequence[Path]) -> bytes:
    buffer = io.BytesIO()
    with pdfium.PdfDocument.new() as joined:
        for file in files:
            with pdfium.PdfDocument(file) as source:
                joined.import_pages(source, pages=[0])
        joined.save(buffer)
    return buffer.getvalue()


def _picture(file: Path) -> Image.Image:
    """A picture as it is, or the first page of a PDF as a scanner would see it."""
    if file.suffix.lower() != ".pdf":
        with Image.open(file) as opened:
            opened.load()
            return opened.copy()
    with pdfium.PdfDocument(file) as document:
        image: Image.Image = document[0].render(scale=SCAN_DPI / 72).to_pil()
        return image.convert("RGB")


def _save(pages: Sequence[Image.Image], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    several = {"save_all": True, "append_images": list(pages[1:])} if len(pages) > 1 else {}
    pages[0].save(buffer, kind, **several, **options)
    return buffer.getvalue()
