"""The parts of a line that names somebody in Japanese: the name, and what is set behind it by a gap.

Recognisers read nothing of a gap between kanji: ``矢並川土地改良区　理事長　宇野 辰男`` comes as one word. Where each
character stands still says where the gaps were, and what the parts are called says which of them the name is.
"""

from __future__ import annotations

import itertools
import re

from postprocess_svc.fields.cells import Cell
from postprocess_svc.fields.page_index import Row
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import is_cjk

_GAP = 1.35
"""Of the ordinary step from one character to the next: a blank of half a character, less what a timestep may err."""
_PITCH_SHARE = 0.4
_LEAST_CHARACTERS = 3
_NARROW = frozenset("・、。,.:()「」『』-/ー~")
"""Their ink stands at one side of their place: the step beside them says nothing."""
_PROFESSION = (
    r"(?:特定)?社会保険労務士|公認会計士|税理士|行政書士|司法書士|弁護士|弁理士|土地家屋調査士|中小企業診断士|"
    r"(?:宅地建物取引|一級建築|二級建築|建築|不動産鑑定|測量)士"
)
_TITLE = (
    rf"代表取締役(?:社長|会長)?|取締役(?:社長)?|代表社員|代表理事|代表者?|社長|副?会長|会頭|副?理事長|院長|副?園長|校長|"
    rf"学長|店主|店長|所長|支店長|支部長|塾長|室長|局長|主宰|女将|御?主人|ご?住職|棟梁|親方|オーナー|マネージャー|"
    rf"(?:管理)?薬剤師|契約担当役|会計(?:担当|主任|係|幹事)?|(?:代表)?幹事|世話人|実行委員長|事務局長?|(?:御|ご)?担当者?|責任者|募集人|{_PROFESSION}"
)
TITLED_PERSON = re.compile(rf"(?:{_TITLE})[\s:・/]*(?=[\u3400-\u9fff々ァ-ヶぁ-ん])(?!電話|直通|部|課)")
"""Who runs it or answers for it: 代表 櫻井典子, 弁護士 鈴木康介."""
_PROFESSION_ALONE = re.compile(_PROFESSION)
_TITLE_ALONE = re.compile(rf"(?:{_TITLE})(?:印|㊞)?")
_TITLE_BEHIND = re.compile(
    rf"(?<=[会院所店局部課区合社園校寺館堂屋家苑庁団室塾人]) ?(?:{_TITLE}) ?[\u3400-\u9fff々ぁ-んァ-ヶ ]{{2,9}}$"
)
"""理事長宇野辰男 behind 矢並川土地改良区, whether its gap was seen or not."""
_HEAD_OF_OFFICE = re.compile(r"(?<=[局市町村区県所])長 ?[\u3400-\u9fff々]{1,3} ?[\u3400-\u9fff々ぁ-んァ-ヶ]{1,4}$")
"""…市長 …, …局長 …: the office is what its head signs for."""
_OF_OFFICE = re.compile(r"(?<=[局市町村区県])長$")
_SUBUNIT = re.compile(
    r".{0,14}(?:支店|支社|営業所|出張所|事業所|事業部|支部|支所|工場|センター|本店|本社|分室|売店|SS|本部|[部課室係局]|"
    r"営業[一二三1-3]部|グループ|チーム|窓口|担当|学校|学園|ホーム.{0,8}|倉庫|配送所|事務局|預り口|収納口|口)"
)
_UNIT_BEHIND_FORM = re.compile(
    r"(?:(?<=会社)|(?<=法人)|(?<=組合)|(?<=\(株\))|(?<=\(有\))) ?.{1,10}"
    r"(?:支店|支社|営業所|出張所|事業所|事業部|本店|本社|支部|工場)$"
)
_BRACKET_BEHIND = re.compile(
    r"(?<=..)(?<!\()\((?!(?:株|有|同|合|資|名|財|社|医|学|福)(?:\)|$)|haftungsbeschr)[^()]{1,20}\)?$"
)
"""No legal form: (株), also where its end was not read, UG (haftungsbeschränkt)."""
_LATIN_BEHIND = re.compile(r" ?[/|(]? ?(?=[A-Z])[A-Za-z0-9&.,' ]{3,60}\)?$")
_AGENT = re.compile(
    r"\((?:管理(?:会社|受託者|者)|(?:業務)?受託者|代理(?:人|店|受領)?|取扱(?:店|代理店)|事務(?:局|代行)|収納代行|集金代行)\)"
)
_PERSONS_PART = re.compile(r"[\u3400-\u9fff々]{1,3}|[ぁ-ん]{1,4}|[ァ-ヶー]{1,4}")
_PERSON_IN_ONE = re.compile(r"[\u3400-\u9fff々]{3,5}|[\u3400-\u9fff々]{1,3}[ぁ-ん]{2,3}")
_LONGEST_PERSON = 7
_LONGEST_TITLED = 40


def is_titled_person(text: str) -> bool:
    """An officer or a professional with a name, and no firm that is called so: 弁護士 …, not 弁護士 …事務所.

    Letters of the title may be set apart: 理 事 長  見 本 久 雄.
    """
    return (
        len(text) <= _LONGEST_TITLED
        and TITLED_PERSON.match(text.replace(" ", "") if text[1:2] == " " else text) is not None
        and names.HONORIFIC.search(text) is None
        and not names.has_japanese_form(text)
        and not names.has_trade_word(_BRACKET_BEHIND.sub("", text))
    )


def is_agent(cell: Cell) -> bool:
    """A bracket before the name says that it acts for somebody: (管理会社)見本管理株式会社."""
    return cell.text[0] == "(" and _AGENT.match(cell.text) is not None


def is_title(text: str) -> bool:
    """A title or profession and no more."""
    return _TITLE_ALONE.fullmatch(text) is not None


def is_person(cell: Cell) -> bool:
    """A surname and a given name, by their gap or by their shortness."""
    text = cell.text
    if len(text) > _LONGEST_PERSON or names.has_trade_word(text) or names.has_japanese_form(text):
        return False
    starts = [cell.start, *gaps(cell.facts.row, cell.start, cell.end), cell.end]
    parts = [cell.facts.row.text[a:b].strip() for a, b in itertools.pairwise(starts)]
    if len(parts) == 2:
        return all(_PERSONS_PART.fullmatch(part) is not None and not names.is_trade(part) for part in parts)
    return _PERSON_IN_ONE.fullmatch(text.replace(" ", "")) is not None


def gaps(row: Row, start: int, end: int) -> list[int]:
    """Where a part begins, in a span of a row's text: behind a space, or a wide gap between two full-width signs."""
    found = {index + 1 for index in range(start + 1, end - 1) if row.text[index] in " \t"}
    for piece in row.pieces:
        first, last = max(start, piece.start), min(end, piece.end)
        positions = piece.line.positions
        if last - first < _LEAST_CHARACTERS or len(positions) != len(piece.line.text):
            continue
        characters = [
            (index, positions[row.origins[index] & 0xFFFF])
            for index in range(first, last)
            if row.origins[index] >= 0 and is_cjk(row.text[index])
        ]
        steps = [
            (at, place - before_place)
            for (before, before_place), (at, place) in itertools.pairwise(characters)
            if at == before + 1 and row.text[at] not in _NARROW and row.text[before] not in _NARROW
        ]
        if len(steps) < _LEAST_CHARACTERS - 1:
            continue
        pitch = sorted(step for _, step in steps)[int(_PITCH_SHARE * (len(steps) - 1))]
        found.update(at for at, step in steps if step > _GAP * pitch)
    return sorted(found)


def is_set_off(cell: Cell, at: int) -> bool:
    """A gap stands before a character of a cell."""
    text = cell.facts.row.text
    return text[at - 1 : at] in {" ", ":", "\t"} or at in gaps(cell.facts.row, cell.start, cell.end)


def end_of_name(cell: Cell, begin: int, stop: int) -> int:
    """Where the name ends that a span of a cell begins with.

    Before an officer, a branch or department, a remark in brackets, and the same name in Latin letters. A branch
    behind a name without a legal form is a part of it, as shops are called (ひまわり調剤薬局 大宮店).
    """
    text = cell.facts.row.text
    bracket = _BRACKET_BEHIND.search(text, begin, stop)
    if bracket is not None and bracket.start() - begin > 1:
        stop = _trimmed(text, begin, bracket.start())
    starts = [begin, *gaps(cell.facts.row, begin, stop)]
    parts = _joined([(a, b) for a, b in zip(starts, [*starts[1:], stop], strict=True) if a < b], text)
    if not parts:
        return stop
    stop = _before_latin(text, begin, stop, parts)
    parts = [(a, min(b, stop)) for a, b in parts if a < stop]
    stop = _trimmed(text, begin, _before_others(text, parts))
    if stop < parts[-1][1] and _OF_OFFICE.search(text, begin, stop) is not None:
        stop -= 1  # 上下水道局長 越智 和夫: the office
    for pattern in (_TITLE_BEHIND, _HEAD_OF_OFFICE, _UNIT_BEHIND_FORM):
        behind = pattern.search(text, begin, stop)
        if behind is not None and behind.start() - begin > 1:
            head = text[begin : behind.start()]
            if not names.is_japanese_form_alone(head.strip()) and _PROFESSION_ALONE.fullmatch(head) is None:
                stop = _trimmed(text, begin, behind.start())
    return stop


def _trimmed(text: str, begin: int, stop: int) -> int:
    return begin + len(text[begin:stop].rstrip(" /|・,:"))


def _joined(parts: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Letters set apart are one part (文 秀 堂 印 刷), and a legal form belongs to what follows it."""
    found: list[tuple[int, int]] = []
    for start, end in parts:
        before = text[found[-1][0] : found[-1][1]].strip() if found else ""
        own = text[start:end].strip()
        spaced = len(own) == 1 and is_cjk(own) and found and _is_spaced(text[found[-1][0] : found[-1][1]])
        if found and (spaced or names.is_japanese_form_alone(before)):
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _is_spaced(part: str) -> bool:
    """One sign, or signs that were joined already."""
    letters = part.replace(" ", "")
    return len(letters) == 1 or " " in part.strip() or len(letters) <= 2


def _before_latin(text: str, begin: int, stop: int, parts: list[tuple[int, int]]) -> int:
    """The name again in Latin letters: behind a legal form, a slash, or a person's two parts."""
    latin = _LATIN_BEHIND.search(text, begin, stop)
    if latin is None or latin.start() - begin < 2 or not is_cjk(text[latin.start() - 1]):
        return stop
    if not latin[0].startswith((" ", "/", "|", "(")):
        return stop
    head = text[begin : latin.start()].strip()
    persons = len([a for a, _ in parts if a < latin.start()]) == 2 and len(head) <= _LONGEST_PERSON
    slashed = "/" in latin[0][:3]
    is_whole = names.has_japanese_form(head) and not names.is_japanese_form_alone(head)
    return _trimmed(text, begin, latin.start()) if persons or slashed or is_whole else stop


def _before_others(text: str, parts: list[tuple[int, int]]) -> int:
    """The end of the parts that the name takes."""
    words = [text[a:b].strip() for a, b in parts]
    head = words[0]
    if _TITLE_ALONE.fullmatch(head) is not None and not names.has_trade_word("".join(words)):
        return parts[-1][1]
    for number, word in enumerate(words[1:], start=1):
        rest = words[number:]
        titled = _TITLE_ALONE.fullmatch(word) is not None or (
            TITLED_PERSON.match(word) is not None
            and len(word) <= 2 * _LONGEST_PERSON
            and not names.has_trade_word(word)
        )
        if (titled and not names.has_trade_word("".join(rest))) or _is_person(head, rest):
            return parts[number - 1][1]
        if names.has_japanese_form(head) and (
            _SUBUNIT.fullmatch("".join(rest)) is not None or names.is_branch("".join(rest))
        ):
            return parts[number - 1][1]
        head += word
    return parts[-1][1]


def _is_person(head: str, rest: list[str]) -> bool:
    """A surname and a given name behind what is more than a surname."""
    return (
        len(rest) == 2
        and len(head) > 2
        and all(_PERSONS_PART.fullmatch(part) is not None for part in rest)
        and not names.has_trade_word("".join(rest))
    )
