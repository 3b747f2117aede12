"""What the benchmark reads: pages of A4 invoices and a receipt, no two readings with the same bytes or pixels.

A page is varied by less than a reader would see: a PDF's sheet is moved by up to two pixels, in fractions of one; an
image is moved by whole pixels, and a few hundred of its pixels change by one level. So neither a store of results nor
one of pixels could help anybody, and the labels stay true.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from PIL import Image

from evaluation.datasets import (
    POINTS_PER_INCH,
    RENDER_DPI,
    REPOSITORY,
    LabelledDocument,
    load_generated,
    load_samples,
    load_set,
    page_images,
)
from evaluation.ordering import PlacedText

INVOICE = "invoice_ja.pdf"
RECEIPT = "register_receipt_ja.pdf"
GENERATED_DIR = REPOSITORY / "out" / "generated" / "develop"
GENERATED_PAGES = 2
JPEG_QUALITY = 92
LARGEST_SHIFT_PX = 2.0
CHANGED_PIXELS = 400
# Steps whose multiples fill the square of shifts evenly and never come back (the plastic number's powers,
# http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/).
_STEP_X, _STEP_Y = 0.7548776662466927, 0.5698402909980532
_TMPFS = Path("/dev/shm")  # noqa: S108 - where pixels are handed to other processes without a copy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchPage:
    """One page of one document."""

    name: str
    truth: tuple[PlacedText, ...]
    """Empty where nothing is known of it."""
    pdf: bytes | None = None
    image: NDArray[np.uint8] | None = None
    """(H, W, 3) uint8 RGB, of what is no PDF."""
    image_format: str = "PNG"

    def file(self, nonce: int) -> bytes:
        """The document to send, another one for every nonce."""
        x, y = _shift_px(nonce)
        if self.pdf is not None:
            return _moved_pdf(self.pdf, x, y, nonce)
        if self.image is None:
            raise ValueError(f"{self.name} has neither a PDF nor an image")
        return _encoded(_moved_image(self.image, round(x), round(y), nonce), self.image_format)


class Variant:
    """A page as it is read once: as a file, as pixels, and as an image for servers that take nothing else."""

    def __init__(self, page: BenchPage, nonce: int, folder: Path) -> None:
        self.page = page
        self._nonce = nonce
        self._folder = folder

    @cached_property
    def file(self) -> bytes:
        """What the API is sent."""
        return self.page.file(self._nonce)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB: PDFs at 200 dpi, images as they are."""
        return np.asarray(np.load(self.pixels_path, mmap_mode="r")[:, :, ::-1], np.uint8)

    @cached_property
    def pixels_path(self) -> Path:
        """The same as (H, W, 3) uint8 BGR, OpenCV's order, in a file of NumPy's that other processes map."""
        path = self._folder / f"{self._nonce}.npy"
        np.save(path, np.ascontiguousarray(first_page_pixels(self.file)[:, :, ::-1]))
        return path

    @cached_property
    def image(self) -> bytes:
        """The pixels as a PNG file; the file itself where it is an image."""
        return self.file if self.page.pdf is None else _encoded(self.pixels, "PNG")

    def forget(self) -> None:
        """Free what it holds; it must not be read again."""
        if "pixels_path" in self.__dict__:
            self.pixels_path.unlink(missing_ok=True)
        for name in ("file", "pixels_path", "image"):
            self.__dict__.pop(name, None)


class Variants:
    """Gives out variants, none twice, not even in another run; a context manager, as pixels lie in files."""

    def __init__(self, pages: Sequence[BenchPage]) -> None:
        self.pages = tuple(pages)
        # Seconds since the epoch, so that a kept result of an earlier run is of no use either.
        self._nonces = itertools.count(int(time.time()) * 1000)
        self._folder = tempfile.TemporaryDirectory(
            prefix="yomitori-bench-", dir=_TMPFS if _TMPFS.is_dir() else None, ignore_cleanup_errors=True
        )

    def __enter__(self) -> Variants:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def of(self, page: BenchPage) -> Variant:
        """A new variant of one page."""
        return Variant(page, next(self._nonces), Path(self._folder.name))

    def take(self, count: int) -> list[Variant]:
        """New ones, of all pages in turn."""
        return [self.of(page) for page in itertools.islice(itertools.cycle(self.pages), count)]


def first_page_pixels(file: bytes) -> NDArray[np.uint8]:
    """The first page of a PDF at 200 dpi, or an image: (H, W, 3) uint8 RGB."""
    if not file.startswith(b"%PDF"):
        with Image.open(io.BytesIO(file)) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    with pdfium.PdfDocument(file) as document:
        bitmap = document[0].render(scale=RENDER_DPI / POINTS_PER_INCH, rev_byteorder=True)
        return np.array(bitmap.to_numpy()[:, :, :3], np.uint8)


def default_pages(*, quick: bool = False) -> list[BenchPage]:
    """The bundled A4 invoice as PDF and a receipt as JPEG; but in a quick run also generated clean invoices."""
    samples = {document.path.name: document for document in load_samples()}
    pages = [
        page_of(samples[INVOICE], name="A4 invoice, PDF"),
        page_of(samples[RECEIPT], name="receipt, JPEG", as_image="JPEG"),
    ]
    return pages if quick else [*pages, *_generated_pages()]


def pages_of_set(choice: str) -> list[BenchPage]:
    """The first pages of some documents of a shared set, evenly chosen: ``zugferd:3``.

    Raises:
        FileNotFoundError: the set is not there.
    """
    name, _, count = choice.partition(":")
    documents = load_set(name)
    wanted = min(int(count or 1), len(documents))
    chosen = documents[:: len(documents) // wanted][:wanted]
    return [page_of(document, name=f"{name} {document.path.stem[-16:]}") for document in chosen]


def page_of_file(path: Path) -> BenchPage:
    """The first page of a document of the caller's own, of which nothing is known."""
    return _page(path, path.name, ())


def page_of(document: LabelledDocument, *, name: str, as_image: str | None = None) -> BenchPage:
    """The first page of a labelled document; of a PDF as an image of the format ``as_image``, if that is given."""
    return _page(document.path, name, tuple(line for line in document.lines or () if line.page == 1), as_image)


def _page(path: Path, name: str, truth: tuple[PlacedText, ...], as_image: str | None = None) -> BenchPage:
    if path.suffix.lower() == ".pdf" and as_image is None:
        return BenchPage(name=name, truth=truth, pdf=_first_sheet(path.read_bytes()))
    image_format = as_image or ("JPEG" if path.suffix.lower() in {".jpg", ".jpeg"} else "PNG")
    return BenchPage(name=name, truth=truth, image=next(page_images(path)), image_format=image_format)


def _generated_pages() -> Iterator[BenchPage]:
    """Clean invoices of different layouts, of the split whose documents may be looked at; none where none were made."""
    if not (GENERATED_DIR / "labels.jsonl").is_file():
        return
    by_layout = {
        document.layout: document
        for document in reversed(load_generated(GENERATED_DIR))
        if document.damage == "clean" and document.lang == "ja" and "registration_number" in document.fields
    }
    for layout, document in sorted(by_layout.items(), key=lambda item: str(item[0]))[:GENERATED_PAGES]:
        yield page_of(document, name=f"generated ({layout}), {document.path.suffix[1:].upper()}")


def _first_sheet(pdf: bytes) -> bytes:
    """The PDF without its further sheets, since one page is what is measured."""
    with pdfium.PdfDocument(pdf) as document:
        if len(document) == 1:
            return pdf
        with pdfium.PdfDocument.new() as alone:
            alone.import_pages(document, [0])
            buffer = io.BytesIO()
            alone.save(buffer)
            return buffer.getvalue()


def _shift_px(nonce: int) -> tuple[float, float]:
    """To the right and down."""

    def along(step: float) -> float:
        return LARGEST_SHIFT_PX * (2 * (nonce * step % 1) - 1)

    return along(_STEP_X), along(_STEP_Y)


def _moved_pdf(pdf: bytes, x_px: float, y_px: float, nonce: int) -> bytes:
    x_pt, y_pt = x_px * POINTS_PER_INCH / RENDER_DPI, y_px * POINTS_PER_INCH / RENDER_DPI
    with pdfium.PdfDocument(pdf) as document:
        sheet = document[0]
        left, bottom, right, top = sheet.get_mediabox()
        sheet.set_mediabox(left + x_pt, bottom + y_pt, right + x_pt, top + y_pt)
        buffer = io.BytesIO()
        document.save(buffer)
    # Readers look for the end of a PDF in its last kilobyte; a comment may follow it.
    return buffer.getvalue() + b"\n%% %d\n" % nonce


def _moved_image(image: NDArray[np.uint8], x_px: int, y_px: int, nonce: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    rows = (np.arange(height) + y_px).clip(0, height - 1)
    columns = (np.arange(width) + x_px).clip(0, width - 1)
    moved = np.array(image[rows[:, None], columns], np.uint8)
    random = np.random.default_rng(nonce)
    places = random.integers(0, height * width, CHANGED_PIXELS)
    moved.reshape(-1, 3)[places] ^= 1
    return moved


def _encoded(pixels: NDArray[np.uint8], image_format: str) -> bytes:
    buffer = io.BytesIO()
    # Fast ones: how a file was packed is no part of what is compared.
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if image_format == "JPEG" else {"compress_level": 1}
    Image.fromarray(pixels).save(buffer, image_format, **options)
    return buffer.getvalue()
