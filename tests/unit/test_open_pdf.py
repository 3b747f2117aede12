"""PDF: what a reader of the printed page would see, at the resolution that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_file_open.decoding import OpeningFailed, PageBroken
from lambda_file_open.pdf import render_size
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.geometry import angle_deg, bounds
from ocr_core.contracts.opening_wire import MAX_SIDE_PX, Failure, PageNotice
from ocr_core.contracts.page import TextLayerWord
from tests.support.open_samples import decode, decode_one, pdf

A4 = "/MediaBox[0 0 595 842]"
RED_TOP_LEFT = "1 0 0 rg 0 752 100 90 re f"


def red(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is pure red."""
    ys, xs = np.nonzero((pixels == (255, 0, 0)).all(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_a_page_is_rendered_at_200_dpi_as_rgb_on_white() -> None:
    page, pixels = decode_one(pdf([(A4, RED_TOP_LEFT)]))
    assert (page.width_px, page.height_px, page.dpi) == (1653, 2339, 200)
    left, top, right, bottom = red(pixels)
    assert (left, top) == (0, 0)
    assert abs(right - 100 * 200 / 72) <= 1
    assert abs(bottom - 90 * 200 / 72) <= 1
    assert pixels[-1, -1].tolist() == [255, 255, 255]


def test_a_letter_page_is_1700_pixels_wide() -> None:
    page, _ = decode_one(pdf([("/MediaBox[0 0 612 792]", "")]))
    assert (page.width_px, page.height_px) == (1700, 2200)


@pytest.mark.parametrize(
    ("rotate", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1)), (-90, (0, 1)), (450, (1, 0))]
)
def test_rotate_is_honoured(rotate: int, corner: tuple[int, int]) -> None:
    page, pixels = decode_one(pdf([(f"{A4}/Rotate {rotate}", RED_TOP_LEFT)]))
    assert (page.width_px, page.height_px) == ((1653, 2339) if rotate % 180 == 0 else (2339, 1653))
    left, top, right, bottom = red(pixels)
    assert (right == page.width_px, bottom == page.height_px) == (corner[0] == 1, corner[1] == 1)
    assert (left == 0, top == 0) == (corner[0] == 0, corner[1] == 0)


def test_the_crop_box_is_honoured() -> None:
    page, pixels = decode_one(pdf([(f"{A4}/CropBox[50 700 194 772]", RED_TOP_LEFT)]))
    assert (page.width_px, page.height_px) == (400, 200)
    assert red(pixels)[:2] == (0, 0)
    assert abs(red(pixels)[2] - 50 * 200 / 72) <= 1


def test_pages_of_different_sizes() -> None:
    pages = decode(pdf([("/MediaBox[0 0 72 144]", ""), ("/MediaBox[0 0 144 72]", ""), ("/MediaBox[9 9 45 45]", "")]))
    assert [(page[0].width_px, page[0].height_px) for page in pages if page] == [(200, 400), (400, 200), (100, 100)]


def test_selected_pages_only() -> None:
    document = pdf([(f"/MediaBox[0 0 {72 * n} 72]", "") for n in range(1, 6)])
    pages = decode(document, selection="2,4-5")
    assert [page[0].width_px for page in pages if page] == [400, 800, 1000]


def test_an_annotation_and_a_form_field_are_drawn() -> None:
    attributes = "/MediaBox[0 0 144 144]/Annots[12 0 R 13 0 R]"
    square = (
        "<</Type/Annot/Subtype/Square/Rect[0 72 72 144]/F 4/AP<</N 14 0 R>>>>",
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(x)/Rect[72 0 144 72]/F 4/AP<</N 15 0 R>>>>",
        "<</Type/XObject/Subtype/Form/BBox[0 0 72 72]/Length 26>>stream\n1 0 0 rg 0 0 72 72 re f   \nendstream",
        "<</Type/XObject/Subtype/Form/BBox[0 0 72 72]/Length 26>>stream\n0 0 1 rg 0 0 72 72 re f   \nendstream",
    )
    document = pdf([(attributes, "")], extra=square, catalog="/AcroForm<</Fields[13 0 R]>>")
    _, pixels = decode_one(document)
    assert pixels[100, 100].tolist() == [255, 0, 0]
    assert pixels[300, 300].tolist() == [0, 0, 255]
    assert pixels[100, 300].tolist() == [255, 255, 255]


def test_an_oversized_box_is_rendered_smaller_and_said_so() -> None:
    page, pixels = decode_one(pdf([("/MediaBox[0 0 7200 3600]", "1 0 0 rg 0 0 3600 3600 re f")]))
    assert page.notices == PageNotice.RENDERED_SMALLER
    assert page.width_px * page.height_px <= 25_000_000
    assert page.width_px == pytest.approx(2 * page.height_px, abs=2)
    assert page.dpi == pytest.approx(page.width_px / 100, abs=1)
    assert red(pixels)[2] == pytest.approx(page.width_px / 2, abs=1)


def test_a_ribbon_is_refused() -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(pdf([("/MediaBox[0 0 1 14400]", "")]))
    assert (caught.value.failure, caught.value.value) == (Failure.PAGE_SIDE, 40_000)


@given(st.floats(0.01, 1e7), st.floats(0.01, 1e7))
def test_no_box_is_rendered_over_the_limits(width_pt: float, height_pt: float) -> None:
    limits = OpenLimits()
    try:
        size = render_size(width_pt, height_pt, limits)
    except OpeningFailed:
        # Ribbons only: 16 px of the short side do not fit, however small the page is rendered.
        long_px = min(MAX_SIDE_PX, limits.max_rendered_page_pixels / 16)
        assert max(width_pt, height_pt) / min(width_pt, height_pt) > long_px / 17
        return
    assert size.width_px >= 1
    assert size.height_px >= 1
    assert size.width_px * size.height_px <= limits.max_rendered_page_pixels
    assert max(size.width_px, size.height_px) <= MAX_SIDE_PX
    assert 1 <= size.dpi <= limits.render_dpi
    assert size.smaller or size.dpi == limits.render_dpi


@pytest.mark.parametrize("size", [(0.0, 10.0), (10.0, -1.0), (float("nan"), 10.0), (float("inf"), 10.0)])
def test_a_box_without_a_size_is_a_broken_page(size: tuple[float, float]) -> None:
    with pytest.raises(PageBroken):
        render_size(*size, OpenLimits())


def test_too_many_pages_are_refused_and_a_selection_of_them_is_not() -> None:
    document = pdf([("/MediaBox[0 0 20 20]", "")] * 40)
    with pytest.raises(OpeningFailed) as caught:
        decode(document)
    assert (caught.value.failure, caught.value.value) == (Failure.PAGES, 40)
    assert len(decode(document, selection="1-30")) == 30


def test_pages_that_are_too_large_together() -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(pdf([("/MediaBox[0 0 72 72]", "")] * 3), limits=OpenLimits(max_document_pixels=100_000))
    assert caught.value.failure is Failure.DOCUMENT_PIXELS


def test_a_page_that_does_not_load_leaves_its_neighbours() -> None:
    document = pdf([("/MediaBox[0 0 20 20]", "")] * 3).replace(b"12 0 R 14 0 R", b"99 0 R 14 0 R")
    pages = decode(document)
    assert [page is None for page in pages] == [False, True, False]


@pytest.mark.parametrize("document", [b"%PDF-1.7\n", b"%PDF-1.7\nnothing more", pdf([(A4, "")])[20:]])
def test_a_broken_document(document: bytes) -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(document)
    assert caught.value.failure in {Failure.UNREADABLE, Failure.UNSUPPORTED}


# The text layer.

TEXTS = [
    ("1 0 0 1 50 700", 0.0),
    ("0 1 -1 0 300 300", -90.0),
    ("-1 0 0 -1 400 600", 180.0),
    ("0 -1 1 0 300 500", 90.0),
    ("0.8660254 0.5 -0.5 0.8660254 200 300", -30.0),
    ("0.99619 -0.08716 0.08716 0.99619 100 500", 5.0),
]


@pytest.mark.parametrize(("matrix", "direction_deg"), TEXTS)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_words_lie_on_their_ink(matrix: str, direction_deg: float, rotate: int) -> None:
    content = f"BT /F1 24 Tf {matrix} Tm (Invoice 12,345) Tj ET"
    attributes = f"/MediaBox[0 0 612 792]/CropBox[20 30 600 780]/Rotate {rotate}"
    page, pixels = decode_one(pdf([(attributes, content)]), text_layer=True)
    assert [word.text for word in page.words] == ["Invoice", "12,345"]
    ink = pixels.min(axis=2) < 128
    covered = np.zeros_like(ink)
    for word in page.words:
        box = bounds(word.quad)
        covered[int(box.top) : int(np.ceil(box.bottom)), int(box.left) : int(np.ceil(box.right))] = True
        assert _ink_inside(word, ink) > 50
        expected_deg = (direction_deg + rotate + 180) % 360 - 180
        difference_deg = (angle_deg(word.quad) - expected_deg + 180) % 360 - 180
        assert abs(difference_deg) < 3
    assert ink.any()
    assert (ink & covered).sum() >= 0.99 * ink.sum()


def _ink_inside(word: TextLayerWord, ink: np.ndarray) -> int:
    """Dark pixels inside the quad itself: right of every edge, walking it clockwise."""
    ys, xs = np.nonzero(ink)
    inside = np.ones(len(xs), dtype=bool)
    for (x0, y0), (x1, y1) in zip(word.quad, word.quad[1:] + word.quad[:1], strict=True):
        inside &= (x1 - x0) * (ys + 0.5 - y0) - (y1 - y0) * (xs + 0.5 - x0) >= 0
    return int(inside.sum())


def test_text_outside_the_crop_box_is_left_out() -> None:
    content = "BT /F1 12 Tf 50 700 Td (inside) Tj 0 -600 Td (outside) Tj ET"
    page, _ = decode_one(pdf([("/MediaBox[0 0 612 792]/CropBox[0 600 612 792]", content)]), text_layer=True)
    assert [word.text for word in page.words] == ["inside"]


def test_invisible_text_is_a_text_layer_too() -> None:
    page, pixels = decode_one(pdf([(A4, "BT 3 Tr /F1 12 Tf 50 700 Td (scanned) Tj ET")]), text_layer=True)
    assert [word.text for word in page.words] == ["scanned"]
    assert pixels.min() == 255


def test_words_far_apart_without_a_space_are_two() -> None:
    content = "BT /F1 12 Tf 1 0 0 1 50 700 Tm (left) Tj 1 0 0 1 400 700 Tm (right) Tj ET"
    page, _ = decode_one(pdf([(A4, content)]), text_layer=True)
    assert [word.text for word in page.words] == ["left", "right"]


def test_no_words_unless_they_are_asked_for() -> None:
    page, _ = decode_one(pdf([(A4, "BT /F1 12 Tf 50 700 Td (text) Tj ET")]))
    assert page.words == ()


def test_a_very_long_run_is_cut() -> None:
    content = f"BT /F1 1 Tf 5 700 Td ({'x' * 700}) Tj ET"
    page, _ = decode_one(pdf([("/MediaBox[0 0 2000 800]", content)]), text_layer=True)
    assert "".join(word.text for word in page.words) == "x" * 700
    assert max(len(word.text) for word in page.words) <= 256
