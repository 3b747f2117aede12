"""A mix's documents: what the file declares is what is sent."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image

from loadtest.corpus import SCAN_DPI, make_corpus
from loadtest.documents import Document, can_vary, read_corpus
from loadtest.mix import MIXES, Making, Mix, MixError, read_mix

A4_AT_SCAN_DPI = (round(8.27 * SCAN_DPI), round(11.69 * SCAN_DPI))


def mix_of(**kind: object) -> Mix:
    declared = {"name": "only", "files": ["evaluation/samples/invoice_*.pdf"], "sync_weight": 1, **kind}
    return Mix.model_validate({"name": "mix", "kinds": [declared]})


def page_counts(document: Document) -> int:
    if document.content.startswith(b"%PDF"):
        with pdfium.PdfDocument(document.content) as opened:
            return len(opened)
    with Image.open(io.BytesIO(document.content)) as picture:
        return getattr(picture, "n_frames", 1)


def test_the_samples_mix_needs_nothing_but_the_repository(tmp_path: Path) -> None:
    mix = read_mix("samples")
    documents = make_corpus(mix, tmp_path)
    assert {document.kind for document in documents} == {kind.name for kind in mix.kinds}
    assert [page_counts(document) for document in documents] == [document.pages for document in documents]
    assert all(can_vary(document.content) for document in documents)
    assert len({document.name for document in documents}) == len(documents)
    assert read_corpus(tmp_path) == documents


def test_a_kind_has_its_own_deadline_or_the_mix_s(tmp_path: Path) -> None:
    deadlines = {document.kind: document.deadline_s for document in make_corpus(read_mix("samples"), tmp_path)}
    assert deadlines["pdf-1"] == 5.0
    assert deadlines["pdf-3"] == 15.0


@pytest.mark.parametrize("made", [Making.SCANNED_PDF, Making.FAX_TIFF, Making.PNG])
def test_pictures_of_pages_have_the_size_of_a_scan(made: Making, tmp_path: Path) -> None:
    (first, *_) = make_corpus(mix_of(made=made), tmp_path)
    if made is Making.SCANNED_PDF:
        with pdfium.PdfDocument(first.content) as opened:
            size = tuple(round(points / 72 * SCAN_DPI) for points in opened[0].get_size())
    else:
        with Image.open(io.BytesIO(first.content)) as picture:
            size = picture.size
            assert picture.mode == ("1" if made is Making.FAX_TIFF else "RGB")
    assert size == pytest.approx(A4_AT_SCAN_DPI, abs=4)


def test_a_fax_is_mostly_white_and_still_has_print(tmp_path: Path) -> None:
    (first, *_) = make_corpus(mix_of(made=Making.FAX_TIFF), tmp_path)
    with Image.open(io.BytesIO(first.content)) as picture:
        black, white = (picture.histogram()[grey] for grey in (0, 255))
    assert 0.005 < black / (black + white) < 0.3


def test_joined_pages_keep_their_text(tmp_path: Path) -> None:
    (joined,) = make_corpus(mix_of(made=Making.JOINED_PDF, pages=3), tmp_path)
    with pdfium.PdfDocument(joined.content) as opened:
        texts = [page.get_textpage().get_text_bounded() for page in opened]
    assert len(set(texts)) == 3
    assert all(len(text) > 100 for text in texts)


def test_the_same_seed_takes_the_same_files(tmp_path: Path) -> None:
    first = make_corpus(mix_of(different=2), tmp_path / "1")
    again = make_corpus(mix_of(different=2), tmp_path / "2")
    assert [document.content for document in first] == [document.content for document in again]


def test_files_with_other_page_counts_are_not_taken(tmp_path: Path) -> None:
    with pytest.raises(MixError, match="files of 2 pages"):
        make_corpus(mix_of(pages=2), tmp_path)


def test_a_kind_without_files_says_which_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MixError, match=r"'only'.*no/such.*make generate"):
        make_corpus(mix_of(files=["no/such/*.pdf"]), tmp_path)


def test_every_shipped_mix_can_be_read_and_none_touches_the_test_split() -> None:
    names = sorted(file.stem for file in MIXES.glob("*.toml"))
    assert names == ["one-page", "realistic", "samples"]
    for name in names:
        mix = read_mix(name)
        assert not any("generated/test" in pattern for kind in mix.kinds for pattern in kind.files)
        assert any(kind.bulk_weight for kind in mix.kinds)


def test_the_realistic_mix_has_pictures_and_pdfs_of_several_page_counts() -> None:
    kinds = read_mix("realistic").kinds
    assert {kind.made for kind in kinds} >= {Making.AS_THEY_ARE, Making.SCANNED_PDF, Making.JOINED_PDF, Making.FAX_TIFF}
    assert len(Counter(kind.pages for kind in kinds)) >= 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kinds = [", "Unclosed|Invalid|Expected"),
        ("kinds = []", "at least 1 item"),
        ('[[kinds]]\nname = "a"\nfiles = ["x"]\n', "sync_weight"),
        ('[[kinds]]\nname = "a"\nfiles = ["x"]\nsync_weight = 1\nwieght = 2\n', "wieght"),
        (2 * '[[kinds]]\nname = "a"\nfiles = ["x"]\nsync_weight = 1\n', "same name"),
    ],
)
def test_a_mix_that_is_off_is_refused_with_its_reason(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(MixError, match=words):
        read_mix(str(file))


def test_an_unknown_mix_names_those_that_are_shipped() -> None:
    with pytest.raises(MixError, match="one-page, realistic, samples"):
        read_mix("unknown")
