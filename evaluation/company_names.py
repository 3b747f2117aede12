"""Made-up names of Japanese companies: as many as are wanted, the same ones for the same seed.

They fill up a table of business partners to a real table's size. Surnames, places and trade words are combined as the
names of real companies are; that one or the other exists all the same cannot be ruled out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from importlib.resources import files

from postprocess_svc.partners.normalise import normalise


def _read_words() -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    kind = ""
    for line in (files("evaluation") / "company_words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif not line.startswith("#"):
            words[kind] = (*words.get(kind, ()), *line.split())
    return words


_WORDS_BY_KIND = _read_words()
SURNAMES, PLACES = _WORDS_BY_KIND["surnames"], _WORDS_BY_KIND["places"]
TRADES, WORDS = _WORDS_BY_KIND["trades"], _WORDS_BY_KIND["words"]
KANJI = "山川田中東西南北大小三丸光栄進和協共新日明昭正信富岡松竹梅福永宝星"
KANJI += "旭英興泉美清豊友成千万金銀太平安生高久長吉藤森林石原井上下本橋島"
FORMS = ("株式会社", "株式会社", "株式会社", "株式会社", "有限会社", "有限会社", "合同会社", "(株)", "(有)")
BODIES = ("一般社団法人", "一般財団法人", "公益財団法人", "医療法人", "社会福祉法人")


def made_up_names(count: int, *, seed: int, apart_from: Collection[str]) -> list[str]:
    """``count`` names, each other than the rest and than ``apart_from`` however they are printed.

    Args:
        count: How many; some 100,000 can be had.
        seed: The same seed gives the same names.
        apart_from: Names that must not come out.
    """
    draw = random.Random(seed)  # noqa: S311
    taken = {normalise(name).key for name in apart_from}
    names: list[str] = []
    while len(names) < count:
        name = _name(draw)
        key = normalise(name).key
        if key not in taken:
            taken.add(key)
            names.append(name)
    return names


def _name(draw: random.Random) -> str:
    core = draw.choices(_CORES, weights=(5, 4, 5, 4, 3, 2, 2))[0](draw)
    kind = draw.random()
    if kind < 0.08:
        return core
    if kind < 0.12:
        return draw.choice(BODIES) + core
    form = draw.choice(FORMS)
    return form + core if draw.random() < 0.55 else core + form


def _latin(draw: random.Random) -> str:
    letters = "".join(draw.choice("ABCDEFGHIJKLMNOPRSTUVWXY") for _ in range(draw.randint(2, 4)))
    return letters + draw.choice(("", draw.choice(WORDS), draw.choice(TRADES)))


def _dotted(draw: random.Random) -> str:
    return "・".join(draw.choice(WORDS) for _ in range(draw.randint(2, 3)))


_CORES: tuple[Callable[[random.Random], str], ...] = (
    lambda draw: draw.choice(SURNAMES) + draw.choice(TRADES),
    lambda draw: draw.choice(PLACES) + draw.choice(("", draw.choice(WORDS))) + draw.choice(TRADES),
    lambda draw: draw.choice(KANJI) + draw.choice(KANJI) + draw.choice(TRADES),
    lambda draw: draw.choice(WORDS) + draw.choice(WORDS) + draw.choice(("", "", draw.choice(TRADES))),
    lambda draw: draw.choice(SURNAMES) + draw.choice(WORDS),
    _latin,
    _dotted,
)
