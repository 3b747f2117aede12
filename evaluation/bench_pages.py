"""What the latency benchmark reads: A4 pages at 200 dpi, sent in bytes that never repeat."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.datasets import LabelledDocument, load_samples, load_set, page_images, shared_data_dir
from evaluation.ordering import PlacedText

SAMPLE = "invoice_ja.pdf"
ZUGFERD_PAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchPage:
    """One page, as pixels for what runs in process and as a file for the API."""

    name: str
    pixels: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB at 200 dpi."""
    truth: tuple[PlacedText, ...]
    file: bytes | None
    """A PDF to be sent; null if the pixels are to be sent as PNG."""

    def body(self, nonce: int) -> bytes:
        """The file to send, different for every nonce."""
        if self.file is not None:
            # Readers look for the end of a PDF in its last kilobyte; a comment may follow it.
            return self.file + b"\n%% %d\n" % nonce
        pixels = self.pixels.copy()
        pixels[0, nonce % pixels.shape[1]] ^= 1 + nonce // pixels.shape[1] % 255
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def bench_pages() -> list[BenchPage]:
    """The bundled invoice as PDF and as PNG; some e-invoices' first pages as PNG where the sets are at hand."""
    sample = next(document for document in load_samples() if document.path.name == SAMPLE)
    pages = [
        _page(sample, name="invoice_ja, PDF", file=sample.path.read_bytes()),
        _page(sample, name="invoice_ja, PNG"),
    ]
    if (shared_data_dir() / "zugferd").is_dir():
        documents = load_set("zugferd")
        step = max(1, len(documents) // ZUGFERD_PAGES)
        chosen = documents[::step][:ZUGFERD_PAGES]
        pages += [_page(document, name=f"{document.path.stem[-16:]}, PNG") for document in chosen]
    return pages


def _page(document: LabelledDocument, *, name: str, file: bytes | None = None) -> BenchPage:
    truth = tuple(line for line in document.lines or () if line.page == 1)
    return BenchPage(name=name, pixels=next(page_images(document.path)), truth=truth, file=file)
