"""PDF: what a reader of the printed page would see, at the resolution that was asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lambda_file_open.decoding import OpeningFailed, PageBroken
from lambda_file_open.pdf import render_size
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.opening_wire import MAX_SIDE_PX, Failure, PageNotice
from tests.support.open_samples import corners, decode, decode_one, pdf, saved

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


# Boxes as writers leave them.


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ("/MediaBox[144 72 0 0]", (400, 200)),
        ("/MediaBox[-72 -36 72 36]", (400, 200)),
        ("/MediaBox[0 0 144 72]/CropBox[-99 -99 500 500]", (400, 200)),
        ("/MediaBox[0 0 144 72]/CropBox[9 9 9 9]", (400, 200)),
        ("/MediaBox[0 0 144 72]/CropBox[72 72 0 0]", (200, 200)),
        ("/MediaBox[0 0 144 72]/CropBox[0 0 36 72]/Rotate 90", (200, 100)),
        ("/MediaBox[0 0 144 72]/TrimBox[0 0 9 9]/BleedBox[0 0 9 9]/ArtBox[0 0 9 9]", (400, 200)),
        ("/MediaBox[0 0 144 72]/Rotate 45", (400, 200)),
        ("/MediaBox[0 0 0 0]", (1700, 2200)),
        ("", (1700, 2200)),
    ],
)
def test_a_box_swapped_negative_too_large_or_missing(attributes: str, size: tuple[int, int]) -> None:
    page, pixels = decode_one(pdf([(attributes, "1 0 0 rg -999 -999 1998 1998 re f")]))
    assert (page.width_px, page.height_px) == size
    assert red(pixels) == (0, 0, *size) or size == (1700, 2200)


@pytest.mark.parametrize(
    ("inherited", "size"),
    [
        ("/MediaBox[0 0 144 72]", (400, 200)),
        ("/MediaBox[0 0 144 72]/Rotate 90", (200, 400)),
        ("/MediaBox[0 0 144 72]/CropBox[0 0 36 72]", (100, 200)),
    ],
)
def test_a_box_is_inherited(inherited: str, size: tuple[int, int]) -> None:
    document = pdf([("", "")]).replace(b"/Type/Pages/", f"/Type/Pages{inherited}/".encode())
    page, _ = decode_one(document)
    assert (page.width_px, page.height_px) == size


def test_a_user_unit_is_rendered_at_the_fraction_of_the_resolution() -> None:
    page, _ = decode_one(pdf([("/MediaBox[0 0 144 72]/UserUnit 4", "")]))
    assert (page.width_px, page.height_px) == (400, 200)


# Annotations and fields.

SQUARE = "/MediaBox[0 0 72 72]/Annots[12 0 R]"
RED_FORM = "<</Type/XObject/Subtype/Form/BBox[0 0 72 72]/Length 26>>stream\n1 0 0 rg 0 0 72 72 re f   \nendstream"
BLUE_FORM = RED_FORM.replace("1 0 0 rg", "0 0 1 rg")
FORM = "/AcroForm<</Fields[12 0 R]/DA(/Helv 12 Tf 0 g)/DR<</Font<</Helv 3 0 R>>>>>>"


# F 2 is hidden, 4 is for paper too, 32 is for paper only.
@pytest.mark.parametrize(("flags", "drawn"), [(0, True), (4, True), (2, False), (6, False), (32, False)])
@pytest.mark.parametrize("subtype", ["Stamp", "Widget/FT/Tx/T(a)/V(x)"])
def test_an_annotation_is_drawn_as_on_the_screen(subtype: str, flags: int, drawn: bool) -> None:
    annotation = f"<</Type/Annot/Subtype/{subtype}/Rect[0 0 72 72]/F {flags}/AP<</N 13 0 R>>>>"
    _, pixels = decode_one(pdf([(SQUARE, "")], extra=(annotation, RED_FORM), catalog=FORM))
    assert ((pixels == (255, 0, 0)).all(axis=2).mean() > 0.95) == drawn


@pytest.mark.parametrize(
    "annotation",
    [
        "/Subtype/Highlight/QuadPoints[10 60 60 60 10 10 60 10]/C[1 0 0]",
        "/Subtype/FreeText/Contents(Hello)/DA(/Helv 12 Tf 0 g)",
        "/Subtype/Ink/InkList[[10 10 60 60]]/C[1 0 0]",
        "/Subtype/Widget/FT/Tx/T(a)/V(Hello)/DA(/Helv 12 Tf 0 g)",
        "/Subtype/Widget/FT/Ch/Ff 131072/T(a)/V(Two)/Opt[(One)(Two)]/DA(/Helv 12 Tf 0 g)",
        "/Subtype/Widget/FT/Ch/T(a)/V(Two)/Opt[(One)(Two)]/DA(/Helv 12 Tf 0 g)",
        "/Subtype/Widget/FT/Btn/T(a)/V/Yes/AS/Yes/MK<</CA(4)>>/DA(/ZaDb 0 Tf 0 g)",
    ],
    ids=["highlight", "free text", "ink", "text field", "combo box", "list", "check box"],
)
@pytest.mark.parametrize("need", ["false", "true"])
def test_what_brings_no_appearance_is_given_one(annotation: str, need: str) -> None:
    written = f"<</Type/Annot{annotation}/Rect[5 5 67 67]/F 4>>"
    catalog = FORM.replace("/DA", f"/NeedAppearances {need}/DA", 1)
    _, pixels = decode_one(pdf([(SQUARE, "")], extra=(written,), catalog=catalog))
    assert 30 < (pixels.min(axis=2) < 200).sum() < 40_000


def test_a_note_that_would_pop_up_stays_closed() -> None:
    popup = "<</Type/Annot/Subtype/Popup/Rect[5 5 67 67]/Contents(Hello)/Open true/F 4>>"
    _, pixels = decode_one(pdf([(SQUARE, "")], extra=(popup,)))
    assert pixels.min() == 255


@pytest.mark.parametrize(("flags", "state"), [("", "Yes"), ("", "Off"), ("/Ff 49152", "Yes"), ("/Ff 49152", "Off")])
def test_a_check_box_and_a_radio_button_show_their_state(flags: str, state: str) -> None:
    states = "/AP<</N<</Yes 13 0 R/Off 14 0 R>>>>"
    button = f"<</Type/Annot/Subtype/Widget/FT/Btn{flags}/T(a)/V/{state}/AS/{state}/Rect[0 0 72 72]/F 4{states}>>"
    _, pixels = decode_one(pdf([(SQUARE, "")], extra=(button, RED_FORM, BLUE_FORM), catalog=FORM))
    assert pixels[100, 100].tolist() == ([255, 0, 0] if state == "Yes" else [0, 0, 255])


@pytest.mark.parametrize(
    ("state", "drawn"), [("/ON[12 0 R]", True), ("/OFF[12 0 R]", False), ("/BaseState/OFF", False)]
)
def test_a_layer_that_is_off_is_not_drawn(state: str, drawn: bool) -> None:
    attributes = "/MediaBox[0 0 72 72]/Resources<</Properties<</L 12 0 R>>>>"
    layers = f"/OCProperties<</OCGs[12 0 R]/D<<{state}>>>>"
    content = "/OC /L BDC 1 0 0 rg 0 0 72 72 re f EMC"
    _, pixels = decode_one(pdf([(attributes, content)], extra=("<</Type/OCG/Name(x)>>",), catalog=layers))
    assert (pixels[100, 100].tolist() == [255, 0, 0]) == drawn


def test_what_is_half_transparent_lies_on_white() -> None:
    attributes = "/MediaBox[0 0 72 72]/Resources<</ExtGState<</G<</ca .5>>>>>>"
    _, pixels = decode_one(pdf([(attributes, "/G gs 1 0 0 rg 0 0 72 72 re f")]))
    assert np.abs(pixels[100, 100].astype(int) - [255, 127, 127]).max() <= 1


# Pictures inside: drawn one pixel to one of the page's.


def _picture(data: bytes, attributes: str, *, filters: str = "") -> np.ndarray:
    hexadecimal = data.hex() + ">"
    image = f"<</Type/XObject/Subtype/Image/Width 80/Height 40{attributes}/Filter[/ASCIIHexDecode{filters}]"
    image += f"/Length {len(hexadecimal)}>>stream\n{hexadecimal}\nendstream"
    box = "/MediaBox[0 0 28.8 14.4]/Resources<</XObject<</I 12 0 R>>>>"
    return decode_one(pdf([(box, "28.8 0 0 14.4 0 0 cm /I Do")], extra=(image,)))[1]


def _assert_corners(pixels: np.ndarray, tolerance: int) -> None:
    expected = np.asarray(corners()).astype(int)
    for y, x in [(10, 20), (10, 60), (30, 60), (30, 20)]:
        assert np.abs(pixels[y, x] - expected[y, x]).max() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options", "filters"),
    [("JPEG", {"quality": 95}, "/DCTDecode"), ("JPEG2000", {}, "/JPXDecode"), (None, {}, "")],
)
def test_a_picture_inside(kind: str | None, options: dict[str, object], filters: str) -> None:
    data = corners().tobytes() if kind is None else saved(corners(), kind, **options)
    _assert_corners(_picture(data, "/ColorSpace/DeviceRGB/BitsPerComponent 8", filters=filters), 12)


@pytest.mark.parametrize("inside", ["raw", "jpeg"])
def test_a_cmyk_picture_inside_looks_right(inside: str) -> None:
    image = corners().convert("CMYK")
    attributes = "/ColorSpace/DeviceCMYK/BitsPerComponent 8"
    if inside == "jpeg":
        # Adobe's JPEG is upside down, and a PDF says so.
        attributes += "/Decode[1 0 1 0 1 0 1 0]"
        pixels = _picture(saved(image, "JPEG", quality=95), attributes, filters="/DCTDecode")
    else:
        pixels = _picture(image.tobytes(), attributes)
    # PDFium's inks are those of a press: its red and green are not sRGB's own, and three inks are not quite black.
    expected = {(10, 20): (238, 29, 35), (10, 60): (0, 166, 81), (30, 60): (46, 48, 146), (30, 20): (54, 53, 57)}
    for (y, x), colour in expected.items():
        assert np.abs(pixels[y, x].astype(int) - colour).max() <= 12


@pytest.mark.parametrize(("black_is_one", "dark_left"), [("true", True), ("false", False)])
def test_a_fax_inside(black_is_one: str, dark_left: bool) -> None:
    image = Image.new("1", (80, 40), 1)
    image.paste(0, (0, 0, 40, 40))
    document = saved(image, "TIFF", compression="group4")
    with Image.open(io.BytesIO(document)) as opened:
        (at,), (count,) = opened.tag_v2[273], opened.tag_v2[279]  # type: ignore[attr-defined]
    parameters = f"/DecodeParms[null<</K -1/Columns 80/BlackIs1 {black_is_one}>>]"
    attributes = f"/ColorSpace/DeviceGray/BitsPerComponent 1{parameters}"
    pixels = _picture(document[at : at + count], attributes, filters="/CCITTFaxDecode")
    assert (pixels[20, 10, 0] < 128) == dark_left
    assert (pixels[20, 70, 0] < 128) != dark_left


@pytest.mark.parametrize("ink", ["1 0 0 0", "0 1 0 0", "0 0 1 0", "0 0 0 1", "0 1 1 0"])
def test_cmyk_inks_are_near_to_what_they_are_on_paper(ink: str) -> None:
    _, pixels = decode_one(pdf([("/MediaBox[0 0 72 72]", f"{ink} k 0 0 72 72 re f")]))
    cyan, magenta, yellow, black = (float(part) for part in ink.split())
    simple = [255 * (1 - colour) * (1 - black) for colour in (cyan, magenta, yellow)]
    # A press's cyan reflects two thirds of the green.
    assert np.abs(pixels[100, 100] - simple).max() <= 120
    assert (pixels[100, 100] > 127).tolist() == [value > 127 for value in simple]
