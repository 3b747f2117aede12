"""Keys in the cells of an account: labels, misread ones too, with what follows each; and the header over a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from postprocess_svc.fields.accounts.blanks import blanks
from postprocess_svc.fields.cells import Cell, find_cells, is_aligned
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.labels import Label
from postprocess_svc.fields.values.folding import is_cjk, is_kana
from postprocess_svc.fields.vocabulary import Role, wordings

KEYS = (
    Role.HOLDER,
    Role.HOLDER_READING,
    Role.ACCOUNT_TYPE,
    Role.ACCOUNT_NUMBER,
    Role.BRANCH,
    Role.POST_SYMBOL,
    Role.POST_NUMBER,
    Role.BANK,
)
BETWEEN = " :\t()[]・/=、,■●◆【】|"
"""What stands between a key and its value."""
_MISREAD_PREFIX = 3
_MAX_HEADERS = 60
"""A row of more cells is no header."""
_LEAST_MISREAD_KEY = 3
_LONGEST_MISREAD_KEY = 12
_HEAD = re.compile(r"[^\s:()\[\]/・]{3,10}(?=$|[\s:()\[\]/・])")
_AFTER_NUMBER = re.compile(r"\d[^\s\d()]?$")
"""A number runs into the key: 6429085ご名義, the ご perhaps misread."""
_KANA = r"(?:半角|全角)?(?:[カ力][ナ十+]|カタカナ|[フ7]リガナ|ふりがな)"
_ASIDE = re.compile(rf"[\s(\[]*{_KANA}[\s)\]:]*(?=$|[^ァ-ヶー])|[(\[]{_KANA}[)\]]")
"""Behind a holder's key: that it is in kana, with its brackets or what was read of them."""
_OF_ALL = re.compile(
    r"\s*[はが]?\s*(?:[(\[][^()\[\]]{0,8}(?:共通|とも|共|いずれも|同じ)[)\]]|(?:[(\[]?\d{1,2}[)\]]?[・、,と]?){1,5}(?:とも|共に?|共通)"
    r"|(?:上記)?(?:いずれも|すべて|全て|どちらも|共通|同じ|(?:[両各全二三四]|\d)[行口]座?とも)[にで]?)\s*:?\s*"
)
"""Behind a holder's key: that all accounts are his (名義はいずれも, 口座名義(三行共通), 名義は(1)(2)とも)."""
_BARE_NAME = re.compile(r"(?:Account )?Name\b\s*:?\s*(?=\S)", re.IGNORECASE)
"""Among an account's lines it is the holder's, in documents of two languages."""
_NO_NAME_FOLLOWS = re.compile(r"[はがをにのともでへ]|変更|等|番号|欄|様|確認|相違")
"""What goes on so after 名義 or 受取人 is a sentence about it, or another word."""


Part = tuple[Role | None, int, int]
"""A part of a cell: the key that says what it is, where its value begins and where it ends."""


def segments(cell: Cell, start: int) -> Iterator[Part]:
    """The parts of a cell: each key with what follows it up to the next, and what stands before the first."""
    keys = [(label.start, label.end, role) for label in cell.facts.labels if (role := _key(cell, start, label))]
    runs_on = not keys or (keys[0][0] == start and is_cjk(cell.facts.row.text[keys[0][1] : keys[0][1] + 1] or " "))
    if runs_on and (misread := _misread_key(cell, start)) is not None and (not keys or misread[1] > keys[0][1]):
        keys[:1] = [misread]
    if (
        not keys
        and start == cell.start
        and (name := _BARE_NAME.match(cell.facts.row.text, start, cell.end)) is not None
    ):
        keys = [(start, name.end(), Role.HOLDER)]
    at, key = start, None
    for label_start, label_end, role in keys:
        if label_start < at:
            continue  # 口座名義(フリガナ): the second is an aside of the first
        if label_start > at or key is not None:
            yield key, at, label_start
        at, key = label_end, role
        if role is Role.HOLDER:
            at = _behind_asides(cell, at)
    yield key, at, cell.end


def _behind_asides(cell: Cell, at: int) -> int:
    """Where the name begins behind a holder's key: after what says how it is written, and whose it is."""
    for pattern in (_ASIDE, _OF_ALL):
        if (aside := pattern.match(cell.facts.row.text, at, cell.end)) is not None:
            at = aside.end()
    return at


def _key(cell: Cell, start: int, label: Label) -> Role | None:
    """The account's part that a label names, if it stands as a key does: after nothing, a mark, a space or a number."""
    if label.start < start or label.end > cell.end:
        return None
    key = next((role for role in KEYS if role in label.roles), None)
    text = cell.facts.row.text
    before = text[label.start - 1 : label.start]
    if before not in BETWEEN and label.start > cell.start:
        # What stands before it may be a part of it that was misread (ロ座名義); 支店 and 銀行 end names as well.
        near = label.start - cell.start <= _MISREAD_PREFIX
        runs_on = key is Role.HOLDER and _AFTER_NUMBER.search(text[: label.start]) is not None
        if not runs_on and (not near or key in {Role.BRANCH, Role.BANK}):
            return None
    after = text[label.end : label.end + 1]
    if label.end < cell.end and is_cjk(after) and not _may_follow(key, text, label.end):
        # A blank that nobody reads parts a key from its value too: 店名　三条.
        return key if label.start == cell.start and label.end in blanks(cell.facts.row, cell.start, cell.end) else None
    return key


def _may_follow(key: Role | None, text: str, at: int) -> bool:
    """Whether a value may stand against its key: katakana, a type, and after a holder's key any name."""
    if key is Role.HOLDER:
        return _NO_NAME_FOLLOWS.match(text, at) is None or _OF_ALL.match(text, at) is not None
    return (is_kana(text[at]) and not "ぁ" <= text[at] <= "ゖ") or text[at] in "普当貯"


def _misread_key(cell: Cell, start: int) -> tuple[int, int, Role] | None:
    """A key at a cell's beginning one of whose characters was misread (取报店, 口座名羲)."""
    head = _HEAD.match(cell.facts.row.text, start, cell.end)
    role = None if head is None or _begins_mark(cell, head) else nearly_key(head[0])
    return None if head is None or role is None else (start, head.end(), role)


def _begins_mark(cell: Cell, head: re.Match[str]) -> bool:
    """The last character is no misread one of the key's, but the mark of a legal form: 口座名義カ)サンプル."""
    return is_kana(head[0][-1]) and cell.facts.row.text[head.end() : head.end() + 1] == ")"


def nearly_key(text: str) -> Role | None:
    """The part that a text names but for one character."""
    if text.isascii() or not _LEAST_MISREAD_KEY <= len(text) <= _LONGEST_MISREAD_KEY or text in _misread_keys()[0]:
        return None
    masked = _misread_keys()[1]
    return next((masked[form] for form in _masked(text) if form in masked), None)


def _masked(text: str) -> Iterator[str]:
    """The text with each of its characters in turn left open."""
    return (f"{text[:index]}?{text[index + 1 :]}" for index in range(len(text)))


@cache
def _misread_keys() -> tuple[frozenset[str], dict[str, Role]]:
    """Japanese keys long enough to be known by all characters but one, and the same with each character left open.

    Those that names of branches and banks end in are not among them.
    """
    found: dict[str, Role] = {}
    for role in KEYS:
        for wording in wordings()[role]:
            if len(wording) >= _LEAST_MISREAD_KEY and wording[0] > "\u2fff" and not wording.endswith(("支店", "銀行")):
                found.setdefault(wording, role)
    masked: dict[str, Role] = {}
    for wording, role in found.items():
        for form in _masked(wording):
            masked.setdefault(form, role)
    return frozenset(found), masked


def key_above(context: DocumentContext, cell: Cell) -> Role | None:
    """The header that stands over a cell of a table whose header row names the parts."""
    rows = context.shared(find_cells)
    number = cell.facts.row.number
    headers = rows[number - 1] if number else ()
    for other in headers if len(headers) <= _MAX_HEADERS else ():
        near = cell.extent.top - other.extent.bottom < 2.5 * cell.extent.height
        if not near or other.facts.row.page != cell.facts.row.page or not is_aligned(other.extent, cell.extent):
            continue
        parts = list(segments(other, other.start))
        key = parts[0][0]
        if key is not None and len(parts) == 1 and not other.text[parts[0][1] - other.start :].strip(BETWEEN):
            return key
    return None
