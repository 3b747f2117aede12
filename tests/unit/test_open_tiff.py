"""TIFF: every page alone, however its neighbours are damaged."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from lambda_file_open.decoding import OpeningFailed
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.opening_wire import Failure
from tests.support.open_samples import corners, decode, decode_one, saved
from tests.support.tiff_samples import BLACK_IS_ZERO, LONG, MASK, RGB, SHORT, TiffPage, tiff


def several(sizes: list[tuple[int, int]], **options: object) -> bytes:
    frames = [Image.new("RGB", size, (index * 40, 0, 0)) for index, size in enumerate(sizes)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:], **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"big_tiff": True}, {"compression": "tiff_lzw"}])
def test_pages_of_different_sizes(options: dict[str, object]) -> None:
    sizes = [(30, 20), (20, 30), (50, 50)]
    pages = decode(several(sizes, **options))
    assert [(page[0].width_px, page[0].height_px) for page in pages if page] == sizes
    assert [int(page[1][0, 0, 0]) for page in pages if page] == [0, 40, 80]


def test_selected_pages_only() -> None:
    pages = decode(several([(10, 10)] * 5), selection="2,4-5")
    assert [int(page[1][0, 0, 0]) for page in pages if page] == [40, 120, 160]


@pytest.mark.parametrize(
    "compression", ["group3", "group4", "tiff_ccitt", "packbits", "tiff_lzw", "tiff_adobe_deflate"]
)
def test_one_bit_compressions(compression: str) -> None:
    bits = np.zeros((64, 64), dtype=bool)
    bits[16:48, 8:40] = True
    _, pixels = decode_one(saved(Image.fromarray(bits), "TIFF", compression=compression))
    np.testing.assert_array_equal(pixels[:, :, 0] == 255, bits)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_inside(mode: str) -> None:
    image = corners().convert(mode)
    _, pixels = decode_one(saved(image, "TIFF", compression="jpeg", quality=95))
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(pixels[30, 60] - expected[30, 60]).max() <= 20


def _directories(document: bytes) -> list[int]:
    """Offsets of a little-endian classic TIFF's directories."""
    found = []
    offset = struct.unpack_from("<I", document, 4)[0]
    while offset:
        found.append(offset)
        count = struct.unpack_from("<H", document, offset)[0]
        offset = struct.unpack_from("<I", document, offset + 2 + 12 * count)[0]
    return found


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_broken_page_leaves_its_neighbours(broken: int) -> None:
    document = bytearray(several([(10, 10)] * 3))
    # Its tags become ones that no image has.
    at = _directories(bytes(document))[broken]
    for entry in range(struct.unpack_from("<H", document, at)[0]):
        struct.pack_into("<H", document, at + 2 + 12 * entry, 60_000)
    pages = decode(bytes(document))
    assert [page is None for page in pages] == [index == broken for index in range(3)]


def test_when_every_page_is_broken_so_is_the_document() -> None:
    document = bytearray(several([(10, 10)] * 2))
    for at in _directories(bytes(document)):
        for entry in range(struct.unpack_from("<H", document, at)[0]):
            struct.pack_into("<H", document, at + 2 + 12 * entry, 60_000)
    with pytest.raises(OpeningFailed) as caught:
        decode(bytes(document))
    assert caught.value.failure is Failure.UNREADABLE


def test_a_chain_that_loops_ends() -> None:
    document = bytearray(several([(10, 10)] * 3))
    offsets = _directories(bytes(document))
    count = struct.unpack_from("<H", document, offsets[2])[0]
    struct.pack_into("<I", document, offsets[2] + 2 + 12 * count, offsets[0])
    assert len(decode(bytes(document))) == 3


def test_a_chain_that_leaves_the_file_ends() -> None:
    document = bytearray(several([(10, 10)] * 2))
    offsets = _directories(bytes(document))
    count = struct.unpack_from("<H", document, offsets[1])[0]
    struct.pack_into("<I", document, offsets[1] + 2 + 12 * count, 2**32 - 1)
    assert len(decode(bytes(document))) == 2


def test_too_many_pages_are_refused_and_a_selection_of_them_is_not() -> None:
    document = several([(4, 4)] * 40)
    with pytest.raises(OpeningFailed) as caught:
        decode(document)
    assert (caught.value.failure, caught.value.value) == (Failure.PAGES, 40)
    assert len(decode(document, selection="11-40")) == 30


def test_a_large_frame_is_refused_before_it_is_decoded_and_its_neighbours_are_read() -> None:
    limits = OpenLimits(max_image_pixels=10_000)
    assert [page is None for page in decode(several([(10, 10), (200, 200), (20, 20)]), limits=limits)] == [
        False,
        True,
        False,
    ]
    with pytest.raises(OpeningFailed) as caught:
        decode(several([(200, 200), (300, 300)]), limits=limits)
    assert caught.value.failure is Failure.IMAGE_PIXELS


def test_frames_that_are_too_large_together() -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(several([(100, 100)] * 3), limits=OpenLimits(max_document_pixels=25_000))
    assert (caught.value.failure, caught.value.value) == (Failure.DOCUMENT_PIXELS, 30_000)


@pytest.mark.parametrize("document", [b"II*\x00", b"II*\x00" + bytes(40), b"MM\x00+" + b"\xff" * 40])
def test_a_header_alone_is_broken(document: bytes) -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(document)
    assert caught.value.failure is Failure.UNREADABLE


def flat(grey: int, side_px: int, more: dict[int, tuple[int, list[int]]], photometric: int = BLACK_IS_ZERO) -> TiffPage:
    data = [bytes([grey]) * side_px**2]
    return TiffPage(width_px=side_px, height_px=side_px, bits=(8,), photometric=photometric, data=data, more=more)


@pytest.mark.parametrize("order", ["<", ">"])
def test_thumbnails_and_masks_are_not_pages(order: str) -> None:
    thumbnail, old_thumbnail, mask = ({254: (LONG, [1])}, {255: (SHORT, [2])}, {254: (LONG, [4])})
    document = tiff(
        flat(10, 4, thumbnail),
        flat(20, 8, {254: (LONG, [2])}),
        flat(30, 8, {}),
        flat(40, 4, old_thumbnail),
        flat(50, 8, mask, photometric=MASK),
        order=order,
    )
    pages = decode(document)
    assert [int(page[1][0, 0, 0]) for page in pages if page] == [20, 30]


def test_what_calls_itself_a_thumbnail_and_is_none_is_a_page() -> None:
    reduced = {254: (LONG, [1])}
    assert len(decode(tiff(flat(10, 8, reduced), flat(20, 4, reduced)))) == 2
    assert len(decode(tiff(flat(10, 8, {}), flat(20, 8, reduced)))) == 2


def test_a_page_in_a_colour_that_is_not_read_leaves_its_neighbours() -> None:
    unknown = TiffPage(width_px=4, height_px=4, bits=(12,) * 3, photometric=RGB, data=[bytes(72)])
    assert [page is None for page in decode(tiff(flat(10, 4, {}), unknown, flat(20, 4, {})))] == [False, True, False]


def test_a_big_tiff_in_big_endian_order_is_refused() -> None:
    """Pillow takes its header for another, and no scanner is known to write it: refused, never a wrong picture."""
    tags = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (279, 4, 1)]
    entries = b"".join(
        struct.pack(">HHQ", tag, kind, 1) + struct.pack(">I", value).rjust(4)[(2 if kind == 3 else 0) :].ljust(8, b"\0")
        for tag, kind, value in tags
    )
    document = b"MM\x00+" + struct.pack(">HHQQ", 8, 0, 16, len(tags)) + entries + bytes(8)
    with pytest.raises(OpeningFailed) as caught:
        decode(document)
    assert caught.value.failure is Failure.UNREADABLE
