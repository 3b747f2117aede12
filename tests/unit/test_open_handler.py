"""The handler's own judgement of errors: what is short of memory is not called damaged."""

from __future__ import annotations

import errno
from typing import NoReturn

import pytest

from lambda_file_open.decoding import Allocate, DecodedPage, OpeningFailed
from lambda_file_open.handler import OpenedFile, decode_pages
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import Failure, OpenRequest

REQUEST = OpenRequest(selection=PageSelection(), limits=OpenLimits(), text_layer=False, timeout_s=5)


class Broken:
    """A decoder whose pages raise."""

    media_type = MediaType.TIFF
    page_count = 2

    def __init__(self, error: Exception) -> None:
        self._error = error

    def decode_page(self, number: int, allocate: Allocate, *, text_layer: bool) -> DecodedPage:  # noqa: ARG002
        raise self._error


def never(_height: int, _width: int) -> NoReturn:
    raise AssertionError("nothing is to be allocated")


def raised_while(first: Exception, second: Exception) -> Exception:
    second.__context__ = first
    return second


@pytest.mark.parametrize(
    "error",
    [
        OSError("out of memory error when reading image file"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libwebp.so: failed to map segment from shared object: Cannot allocate memory"),
        raised_while(MemoryError("out of memory"), ValueError("bad segment")),
    ],
)
def test_an_error_for_want_of_memory_is_one(error: Exception) -> None:
    opened = OpenedFile(decoder=Broken(error), numbers=[2])
    with pytest.raises(MemoryError):
        list(decode_pages(opened, REQUEST, never))


@pytest.mark.parametrize("error", [OSError("broken data stream"), ValueError("no such tag"), KeyError(7)])
def test_any_other_error_means_a_broken_page(error: Exception) -> None:
    opened = OpenedFile(decoder=Broken(error), numbers=[2])
    with pytest.raises(OpeningFailed) as failed:
        list(decode_pages(opened, REQUEST, never))
    assert failed.value.failure is Failure.UNREADABLE
