"""The banks and branches that there are in Japan, and the one that a name with a misread character is.

The list is ``zengin-code``'s (MIT), kept up monthly: 1,146 banks, 28,944 branches. Its module is not imported, as that
reads every branch of every bank (0.5 s, 30 MB); its files are read, a bank's branches when that bank is met.
"""

from __future__ import annotations

import json
import operator
import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path

from postprocess_svc.fields.accounts.zengin import SURE, Doubt
from postprocess_svc.fields.values.folding import squash_character

_LAST_CODE_OF_BANKS = "0999"
"""Above it the names say what they are: 信金, 信組, 農協."""
_IN_FULL = {"信金": "信用金庫", "信組": "信用組合", "農協": "農業協同組合", "労金": "労働金庫"}
_LEAST_FREE = 3
"""Characters of a name before the word for what it is (銀行, 支店): of two the other one alone says too little."""
_BRANCH = "支店"
_KIND = re.compile("(?:銀行|信用金庫|信用組合|農業協同組合|労働金庫|信金|信組|農協|労金|支店)$")
_LOOK_ALIKE = (
    *(
        "大太犬人",
        "川州",
        "士土",
        "未末",
        "千干",
        "天夭夫",
        "日目曰",
        "白自百",
        "田由甲",
        "石右",
        "中申",
        "木本",
        "小水",
    ),
    *("井丼", "王玉", "島鳥嶋", "宮官", "古吉", "三二", "十千", "口回", "北比", "西酉", "東束", "幡播", "崎埼"),
    *("うらラ", "らち", "さき", "ソン", "シツ", "クワケタ", "コユロ", "ナメ", "チテ", "ルレ", "マア", "ウワ", "スヌ"),
    *("るろ", "ねれわ", "はほけ", "めぬ", "りい", "屋墨"),
)
"""Characters that are drawn alike, beside those whose squashed forms are one: each string is a group."""


def is_real_bank(name: str) -> bool:
    """Whether there is a bank of this name."""
    return name in _banks()


def real_ending(name: str) -> str | None:
    """The longest ending of a text that is a real bank's name; None where none is."""
    return next((name[start:] for start in range(len(name) - 1) if name[start:] in _banks()), None)


def is_real_branch(bank: str | None, branch: str) -> bool:
    """Whether a bank that there is has a branch of this name, said with 支店 or without."""
    code = _banks().get(bank or "") or _banks().get(f"{bank}銀行")
    return code is not None and branch.removesuffix(_BRANCH) + _BRANCH in _branches(code)


def real_bank(name: str, confidence: Doubt) -> str:
    """The bank's name; the one real name that differs in one doubtful character where there is no bank of this name."""
    return _nearest(name, _banks(), confidence)


def real_branch(bank: str | None, branch: str, confidence: Doubt) -> str:
    """The branch's name, mended in the same way among the branches of a bank that there is."""
    code = _banks().get(bank or "")
    if code is None or not branch.endswith(_BRANCH):
        return branch
    return _nearest(branch, _branches(code), confidence)


def _nearest(name: str, known: Collection[str], confidence: Doubt) -> str:
    if name in known or len(_KIND.sub("", name)) < _LEAST_FREE:
        return name
    near = [other for other in known if len(other) == len(name) and sum(map(operator.ne, other, name)) == 1]
    if len(near) != 1:
        return name
    place = next(index for index, pair in enumerate(zip(near[0], name, strict=True)) if operator.ne(*pair))
    meant, read = near[0][place], name[place]
    if squash_character(meant) == squash_character(read):
        return near[0]
    is_alike = any(meant in group and read in group for group in _LOOK_ALIKE)
    return near[0] if is_alike and confidence(place) < SURE else name


@cache
def _banks() -> Mapping[str, str]:
    """Codes by name, in full and in short."""
    codes: dict[str, str] = {}
    for code, bank in _read("banks.json").items():
        name = unicodedata.normalize("NFKC", bank["name"])
        if code <= _LAST_CODE_OF_BANKS:
            codes.setdefault(f"{name}銀行", code)
            continue
        codes.setdefault(name, code)
        for short, full in _IN_FULL.items():
            if name.endswith(short):
                codes.setdefault(name.removesuffix(short) + full, code)
    return codes


@lru_cache(maxsize=64)
def _branches(code: str) -> frozenset[str]:
    listed = _read(f"branches/{code}.json").values()
    return frozenset(unicodedata.normalize("NFKC", branch["name"]).removesuffix(_BRANCH) + _BRANCH for branch in listed)


def _read(name: str) -> dict[str, dict[str, str]]:
    path = metadata.distribution("zengin-code").locate_file(f"zengin_code/source-data/data/{name}")
    content: dict[str, dict[str, str]] = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    return content


def prepare() -> None:
    """Read the banks (10 ms), which otherwise the first document would wait for."""
    _banks()
