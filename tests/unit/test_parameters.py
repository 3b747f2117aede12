"""The query of ``POST /v1/ocr``: what is said is meant, and what is not meant is refused by name."""

from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from ocr_core.contracts.errors import InvalidRequest
from preprocess_svc.parameters import OcrParameters

NAMES = [field.alias or name for name, field in OcrParameters.model_fields.items()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_parameter_is_none_of_its_values(name: str, blank: str) -> None:
    # A script whose variable is empty must not read thirty pages, or with another schema, than it meant.
    with pytest.raises(InvalidRequest, match=name):
        OcrParameters.parse(QueryParams({name: blank}))


@pytest.mark.parametrize(
    ("text", "ranges"), [("all", ()), (" all ", ()), ("2", ((2, 2),)), ("1-3, 7", ((1, 3), (7, 7)))]
)
def test_pages(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert OcrParameters.parse(QueryParams({"pages": text})).selection.ranges == ranges


def test_without_a_query_all_pages_are_read() -> None:
    assert OcrParameters.parse(QueryParams()).selection.ranges == ()
