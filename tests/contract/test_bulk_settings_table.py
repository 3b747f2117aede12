"""The table of settings in docs/bulk.md names the defaults that the code has."""

from __future__ import annotations

import re

import pytest

from local_stack.plan import REPOSITORY_ROOT
from ocr_core.settings import GROUPS, variable_name

PAGE = REPOSITORY_ROOT / "docs" / "bulk.md"
ROW = re.compile(r"^\| `(OCR_[A-Z_]+)` \| (\S+) \|", re.MULTILINE)
DEFAULTS = {variable_name(group, name): field.default for group in GROUPS for name, field in group.model_fields.items()}


@pytest.mark.parametrize(("variable", "told"), ROW.findall(PAGE.read_text(encoding="utf-8")))
def test_a_default_is_told_as_it_is(variable: str, told: str) -> None:
    default = DEFAULTS[variable]
    assert told == ("none" if default is None else str(default))


def test_the_table_is_there() -> None:
    assert len(ROW.findall(PAGE.read_text(encoding="utf-8"))) >= 5
