"""README.md and README.ja.md say the same: as many headings, the same commands, the same answers to look up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
JAPANESE = (ROOT / "README.ja.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^```\w*\n.*?^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    \S.*$", re.MULTILINE)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)]+)\)")
ROW = re.compile(r"^\| .*\|$", re.MULTILINE)


def outside_of_blocks(text: str) -> str:
    return BLOCK.sub("", text)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(lambda text: HEADING.findall(outside_of_blocks(text)), id="headings"),
        pytest.param(BLOCK.findall, id="blocks of code"),
        pytest.param(lambda text: COMMAND.findall(outside_of_blocks(text)), id="commands"),
        pytest.param(lambda text: len(ROW.findall(text)), id="rows of tables"),
        pytest.param(lambda text: sorted(set(LINK.findall(text)) - {"README.md", "README.ja.md"}), id="links"),
        pytest.param(
            lambda text: sorted(set(re.findall(r"(?:`|^    )make ([\w-]+)", text, re.MULTILINE))), id="targets"
        ),
        pytest.param(lambda text: text.count("!["), id="pictures"),
    ],
)
def test_both_have_the_same(of) -> None:
    assert of(ENGLISH) == of(JAPANESE)


def test_each_leads_to_the_other() -> None:
    assert "(README.ja.md)" in ENGLISH
    assert "(README.md)" in JAPANESE
