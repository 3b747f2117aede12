"""A varied document is other bytes and the same picture."""

from __future__ import annotations

import io
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image

from loadtest.corpus import BUNDLED_SAMPLES, CorpusDocument, load_corpus, nonces


def image_bytes(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((40, 30), 80).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_keep_their_pixels(kind: str) -> None:
    document = CorpusDocument(name="a", content=image_bytes(kind))
    variants = {document.varied(nonce) for nonce in ("1", "2")}
    assert len(variants | {document.content}) == 3
    pictures = {Image.open(io.BytesIO(content)).tobytes() for content in (*variants, document.content)}
    assert len(pictures) == 1


def test_bundled_samples_stay_readable() -> None:
    for document in load_corpus(BUNDLED_SAMPLES):
        varied = document.varied("nonce")
        assert varied != document.content
        with pdfium.PdfDocument(varied) as opened:
            assert len(opened) == 1


def test_nonces_do_not_repeat_between_runs() -> None:
    first, second = nonces(), nonces()
    assert len({next(first), next(first), next(second), next(second)}) == 4


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "not.pdf").write_text("a")
    with pytest.raises(ValueError, match="no PDF"):
        load_corpus(tmp_path)
