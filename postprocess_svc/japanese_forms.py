"""Japanese pages as Japanese writes them: the recogniser knows Chinese too, and at times answers in it.

It has one charset for both languages, half of whose kanji Japanese writing does not have. On a Japanese page 稅 was
printed 税, 单 was 単. Pages that are not Japanese are left alone; so are old forms that names have (國, 澤, 髙), and a
PDF's own text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from postprocess_svc.kana_shapes import with_joined_marks, with_settled_shapes
from postprocess_svc.lines import TextLine

MIN_KANA = 3
MIN_KANA_SHARE = 0.05
"""Of kana and kanji. Japanese documents with the fewest sentences have 0.09; Chinese ones have next to none."""

# Without those that a stroke or a kanji is taken for on a Chinese page (エ for 工).
_KANA = re.compile("(?![へエオカタチトニノハヘミメロｴｶﾁﾄﾆﾉﾊﾒﾛ])[ぁ-ゖァ-ヺｦ-ﾝ]")
_KANJI = re.compile("[㐀-鿿]")


def in_japanese_forms(lines: Sequence[TextLine]) -> tuple[TextLine, ...]:
    """A page's lines with Japanese characters in the place of Chinese ones and of look-alikes, if it is Japanese.

    What is printed in Japan stays, whether it is everyday Japanese or not. The lists that go by character stay aligned.

    Args:
        lines: All that the recogniser saw on the page.
    """
    if not _is_japanese(lines):
        return tuple(lines)
    return tuple([_in_japanese_forms(line) for line in lines])


def folded(text: str) -> str:
    """The text with Japanese forms and settled shapes, for comparison; its length stays."""
    return text if text.isascii() else with_settled_shapes(text.translate(japanese_variants()))


@cache
def japanese_variants() -> dict[int, str]:
    """Characters that Japanese does not write to those that it does; for ``str.translate``."""
    text = (files("postprocess_svc") / "japanese_variants.txt").read_text(encoding="utf-8")
    pairs = " ".join(line for line in text.splitlines() if not line.startswith("#")).split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def _in_japanese_forms(line: TextLine) -> TextLine:
    if line.text.isascii():
        return line
    text = folded(line.text)
    return with_joined_marks(line if text == line.text else replace(line, text=text))


def _is_japanese(lines: Sequence[TextLine]) -> bool:
    text = "".join(line.text for line in lines)
    kana = len(_KANA.findall(text))
    return kana >= MIN_KANA and kana >= MIN_KANA_SHARE * (kana + len(_KANJI.findall(text)))
