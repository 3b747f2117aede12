"""Whose a telephone number is, by the words around it: the firm's, a department's, a branch's, a person's."""

from __future__ import annotations

import re

from postprocess_svc.fields.context import RowFacts
from postprocess_svc.fields.values.addresses import is_address
from postprocess_svc.fields.values.folding import alternatives, has_digits
from postprocess_svc.fields.values.phones import PrintedPhone

_WORDS_BEFORE = 12
"""Characters before a number that may say whose it is."""
_DIRECT = re.compile(r"直通|内線|担当|営業所|倉庫|配車|ご?予約|durchwahl|direct|extension", re.IGNORECASE)
_IN_CHARGE = re.compile(r"担当(?:者|営業|窓口)?[ :]*\t?$")
"""The key before a person's name and number: 担当営業 | K.OKABE 028-661-5437."""
_OTHER_LINE = re.compile(
    alternatives(
        r"""
        保安 | 緊急 | 夜間 | 休日 | 時間外 | 24時間 | 故障 | 水漏れ | 工場 | 加工場 | 編集 | 採用 |
        reserv | \borders? | booking | emergency | hours | urgence | astreinte | notdienst | notruf |
        bereitschaft | storing | emergencia | urgencia
        """
    ),
    re.IGNORECASE,
)
"""What a firm is rung for at another number than its own."""
_MAIN = re.compile(
    r"代表|大代|\(代\)|店舗|事務所|\bmain\b|switchboard|zentrale|standard|centralin|centralita",
    re.IGNORECASE,
)
_MOBILE = re.compile(r"携帯|mobil|\bmob\b|\bcell|handy|\bport\b|portable|móvil|cellulare|\bgsm\b", re.IGNORECASE)
_IN_BRACKETS = re.compile(r" ?\(([^)]{1,10})\)")
_PART_OF_FIRM = re.compile(r"(?:部|課|係|室|店|所|工場|センター|フロント|直通)$")
_BRANCH = re.compile(r"^.{1,8}?(?:営業所|支店|支社|出張所|事業所|工場|倉庫|配送センター|分室)")
_BRANCH_CELLS, _SHORT_CELL = 3, 8


def owner_features(facts: RowFacts, phone: PrintedPhone, previous: int) -> dict[str, float]:
    """What the words around a number say whose it is: the firm's, a department's, a branch's, a person's.

    Args:
        facts: Its row.
        phone: The number.
        previous: Where the number before it in the row ends.
    """
    text = facts.row.text
    cell = text.rfind("\t", 0, phone.start) + 1
    before = text[max(cell, previous, phone.start - _WORDS_BEFORE) : phone.start]
    cell_before = text[text.rfind("\t", 0, max(0, cell - 1)) + 1 : cell]
    label_cell = cell_before if not before.strip(" :.") else ""
    words = label_cell[-_WORDS_BEFORE:] or before
    is_of_person = _IN_CHARGE.search(cell_before) is not None
    entry = text[max(previous, begin_of_entry(facts, phone.start)) : phone.start]
    bracket = _IN_BRACKETS.match(text, phone.end)
    inside = "" if bracket is None else bracket[0].strip()
    return {
        "direct": float(is_of_person or _DIRECT.search(words) is not None),
        "other_line": float(_OTHER_LINE.search(words) is not None),
        "main": float(_MAIN.search(words) is not None or _MAIN.search(inside) is not None),
        "of_part": float(bracket is not None and _PART_OF_FIRM.search(bracket[1]) is not None),
        "mobile": float(_MOBILE.search(words) is not None),
        "branch": float(_BRANCH.match(entry) is not None),
    }


def begin_of_entry(facts: RowFacts, start: int) -> int:
    """Where the entry of a list of branches begins that a number ends: 北営業所 〒060-0001 札幌市… TEL 011-…."""
    text = facts.row.text
    begin = text.rfind("\t", 0, start) + 1
    for _ in range(_BRANCH_CELLS):
        left = text.rfind("\t", 0, max(0, begin - 1)) + 1
        cell = text[left : begin - 1] if begin else ""
        if not cell or not (is_address(cell) or (len(cell) <= _SHORT_CELL and not has_digits(cell, 1))):
            break
        begin = left
    return begin
