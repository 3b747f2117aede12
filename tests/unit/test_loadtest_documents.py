"""A varied document is other bytes and the same picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageSequence

from lambda_file_open.sniff import sniff
from loadtest.documents import Document, can_vary, nonces, read_corpus, write_corpus


def document(content: bytes, name: str = "a") -> Document:
    return Document(kind="kind", name=name, pages=1, deadline_s=5.0, content=content)


def image_bytes(kind: str) -> bytes:
    buffer = io.BytesIO()
    pages = [Image.effect_noise((40, 30), 80 + number).convert("RGB") for number in range(2)]
    several = {"save_all": True, "append_images": pages[1:]} if kind == "TIFF" else {}
    pages[0].save(buffer, kind, **several)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_images_keep_their_pixels(kind: str) -> None:
    original = document(image_bytes(kind))
    variants = {original.varied(nonce) for nonce in ("1", "2")}
    assert len(variants | {original.content}) == 3
    pictures = {
        tuple(np.asarray(page).tobytes() for page in ImageSequence.Iterator(Image.open(io.BytesIO(content))))
        for content in (*variants, original.content)
    }
    assert len(pictures) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_varied_images_are_still_known_by_their_first_bytes(kind: str) -> None:
    original = document(image_bytes(kind))
    assert sniff(original.varied("nonce")) is sniff(original.content)


def test_bundled_samples_stay_readable(samples: Path) -> None:
    files = sorted(samples.glob("*.pdf"))
    assert files
    for file in files:
        original = document(file.read_bytes())
        varied = original.varied("nonce")
        assert varied != original.content
        with pdfium.PdfDocument(varied) as opened:
            assert len(opened) == 1


def test_nonces_do_not_repeat_between_runs() -> None:
    first, second = nonces(), nonces()
    assert len({next(first), next(first), next(second), next(second)}) == 4


def test_what_cannot_be_sent_in_other_bytes_is_told_apart() -> None:
    assert can_vary(image_bytes("TIFF"))
    assert not can_vary(b"RIFF....WEBP")


def test_a_corpus_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = [document(b"%PDF-1.7 a", "a.pdf"), document(b"%PDF-1.7 b", "b.pdf")]
    write_corpus(written, tmp_path / "corpus")
    assert read_corpus(tmp_path / "corpus") == written
