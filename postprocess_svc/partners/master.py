"""The table of business partners, loaded from CSV as accounting software exports it.

Every problem is told with its line and column, all of them at once (the first ``MAX_PROBLEMS``), for whoever exports a
table wants to mend it in one go. Loading 100,000 partners takes about a second.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from postprocess_svc.fields.values.identifiers import corporate_number_is_valid
from postprocess_svc.partners.normalise import MAX_NAME_CHARACTERS

MAX_TABLE_BYTES = 64_000_000
MAX_PARTNERS = 100_000
MAX_ALIASES = 20
MAX_PROBLEMS = 20
_MAX_CELL_CHARACTERS = 4_000

# Headers by what they mean. Case, width, spaces, hyphens and underscores do not count.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "partner_code", "id", "取引先コード", "取引先cd", "コード"),
    "registration_number": (
        "registration_number",
        "登録番号",
        "インボイス登録番号",
        "適格請求書発行事業者登録番号",
        "t番号",
    ),
    "name": ("name", "取引先名", "取引先名称", "取引先", "名称", "会社名", "正式名称", "partner_name", "company_name"),
    "aliases": ("aliases", "alias", "別名", "略称", "通称", "表示名"),
    "phone": ("phone", "電話番号", "電話", "tel"),
    "bank": ("bank", "bank_name", "銀行名", "金融機関名", "振込先銀行名"),
    "branch": ("branch", "branch_name", "支店名", "振込先支店名"),
    "account_type": ("account_type", "口座種別", "預金種目", "預金種別"),
    "account_number": ("account_number", "口座番号"),
    "account_holder": ("account_holder", "口座名義", "口座名義人", "口座名義カナ"),
}
_ALIAS_SEPARATOR = re.compile(r"[;；|｜\n、]")
_REGISTRATION = re.compile(r"T\d{13}")
_ACCOUNT = re.compile(r"\d{1,16}")


class PartnersInvalid(Exception):
    """The table cannot be used; ``problems`` says what is wrong where, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A partner's bank account; what the table does not say is None."""

    bank: str | None
    branch: str | None
    type: str | None
    number: str
    holder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A business partner as the table has it."""

    name: str
    aliases: tuple[str, ...] = ()
    code: str | None = None
    """What the table's owner calls the partner by; answers pass it on."""
    registration_number: str | None = None
    """``T`` and 13 digits."""
    phone: str | None = None
    account: Account | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The name, then its aliases."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTable:
    """All partners, in the table's order."""

    partners: tuple[Partner, ...]
    sha256: str = field(default="", compare=False)
    """Of the file that it was made of; empty where it was made of none."""
    by_registration_number: Mapping[str, Partner] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look-up by registration number, which one partner has."""
        numbers = {partner.registration_number: partner for partner in self.partners if partner.registration_number}
        object.__setattr__(self, "by_registration_number", numbers)


def load_partners(path: Path) -> PartnerTable:
    """Read a table from a file.

    Raises:
        PartnersInvalid: as ``parse_partners``; also for a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            untrusted_table = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        raise PartnersInvalid([f"the file cannot be read: {error.strerror}"]) from error
    return parse_partners(untrusted_table)


def parse_partners(untrusted_table: bytes) -> PartnerTable:
    """Check and take in a table.

    UTF-8 with or without a byte order mark, or Shift-JIS as Windows has it (cp932), which Japanese accounting software
    exports. Columns are found by their headers (``COLUMNS``); others are ignored. Only the name is needed. Aliases
    stand in one cell, separated by ``;``, ``|`` or ``、``.

    Raises:
        PartnersInvalid: encoding, headers, cells, duplicates or limits; with line and column of each problem.
    """
    if len(untrusted_table) > MAX_TABLE_BYTES:
        raise PartnersInvalid([f"the table is larger than {MAX_TABLE_BYTES} bytes"])
    rows = _rows(_decode(untrusted_table))
    _, header = next(rows, (1, []))
    places = _places(header)
    problems: list[str] = []
    partners: list[Partner] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(partners) == MAX_PARTNERS:
            problems.append(f"line {line}: more than {MAX_PARTNERS} partners")
            break
        row = _Row(line=line, cells=cells, header=header, places=places, problems=problems)
        partner = row.partner()
        if partner is not None:
            _check_twice(partner, row, seen)
            partners.append(partner)
        if len(problems) >= MAX_PROBLEMS:
            problems.append("and perhaps more: reading stopped here")
            break
    if problems:
        raise PartnersInvalid(problems)
    if not partners:
        raise PartnersInvalid(["line 2: the table has no partner"])
    return PartnerTable(partners=tuple(partners), sha256=hashlib.sha256(untrusted_table).hexdigest())


def write_partners(table: PartnerTable) -> bytes:
    """The table as ``parse_partners`` takes it in again: UTF-8, every column, under its English name."""
    written = io.StringIO(newline="")
    rows = csv.writer(written)
    rows.writerow(COLUMNS)
    for partner in table.partners:
        account = partner.account
        cells = {
            "code": partner.code,
            "registration_number": partner.registration_number,
            "name": partner.name,
            "aliases": ";".join(partner.aliases),
            "phone": partner.phone,
            "bank": account and account.bank,
            "branch": account and account.branch,
            "account_type": account and account.type,
            "account_number": account and account.number,
            "account_holder": account and account.holder,
        }
        rows.writerow([cells[column] or "" for column in COLUMNS])
    return written.getvalue().encode()


def digits_of(text: str) -> str:
    """The digits alone: phones and accounts are printed with hyphens or without, accounts with leading zeros or not."""
    return re.sub(r"\D", "", unicodedata.normalize("NFKC", text)).lstrip("0")


def _decode(untrusted_table: bytes) -> str:
    if untrusted_table.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PartnersInvalid(["line 1: the table is UTF-16; export it as UTF-8 or Shift-JIS"])
    try:
        return untrusted_table.decode("utf-8-sig")
    except UnicodeDecodeError as utf8_error:
        try:
            return untrusted_table.decode("cp932")
        except UnicodeDecodeError as error:
            # The encoding that got further is the one that was meant.
            furthest = max(utf8_error.start, error.start)
            line = untrusted_table.count(b"\n", 0, furthest) + 1
            raise PartnersInvalid([f"line {line}: neither UTF-8 nor Shift-JIS (byte {furthest})"]) from error


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its first line."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise PartnersInvalid([f"line {line}: a NUL character; this is no CSV table"])
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise PartnersInvalid([f"line {line}: no CSV: {error}"]) from error
        yield line, cells
        line = reader.line_num + 1


def _header_key(header: str) -> str:
    return "".join(unicodedata.normalize("NFKC", header).lower().split()).replace("-", "").replace("_", "").strip("*※")


_MEANING = {_header_key(header): column for column, headers in COLUMNS.items() for header in headers}


def _places(header: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, text in enumerate(header):
        column = _MEANING.get(_header_key(text))
        if column is None:
            continue
        if column in places:
            first = header[places[column]]
            raise PartnersInvalid([f"line 1, columns {first!r} and {text!r}: both mean {column}"])
        places[column] = place
    if "name" not in places:
        raise PartnersInvalid([f"line 1: no column for the name; one of {', '.join(COLUMNS['name'])}"])
    return places


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    line: int
    cells: Sequence[str]
    header: Sequence[str]
    places: Mapping[str, int]
    problems: list[str]

    def partner(self) -> Partner | None:
        """The row's partner; None where something is wrong, which is then among the problems."""
        if len(self.cells) > len(self.header):
            self.problems.append(f"line {self.line}: {len(self.cells)} cells under {len(self.header)} headers")
            return None
        before = len(self.problems)
        name = self._text("name")
        if not name and len(self.problems) == before:
            self.refuse("name", "is empty")
        partner = Partner(
            name=name,
            aliases=self._aliases(name),
            code=self._text("code") or None,
            registration_number=self._registration_number(),
            phone=self._text("phone") or None,
            account=self._account(),
        )
        return partner if len(self.problems) == before else None

    def refuse(self, column: str, why: str) -> None:
        """Note a problem of one cell. What stands in it is not told: it may be somebody's name or account."""
        self.problems.append(f"line {self.line}, column {self.header[self.places[column]]!r}: {why}")

    def _text(self, column: str) -> str:
        place = self.places.get(column)
        text = self.cells[place].strip() if place is not None and place < len(self.cells) else ""
        limit = MAX_NAME_CHARACTERS if column in {"name", "code"} else _MAX_CELL_CHARACTERS
        if len(text) > limit:
            self.refuse(column, f"longer than {limit} characters")
            return ""
        return text

    def _aliases(self, name: str) -> tuple[str, ...]:
        parts = [part.strip() for part in _ALIAS_SEPARATOR.split(self._text("aliases"))]
        aliases = tuple(dict.fromkeys(part for part in parts if part and part != name))
        if len(aliases) > MAX_ALIASES:
            self.refuse("aliases", f"more than {MAX_ALIASES} names")
        if any(len(alias) > MAX_NAME_CHARACTERS for alias in aliases):
            self.refuse("aliases", f"a name is longer than {MAX_NAME_CHARACTERS} characters")
        return aliases

    def _registration_number(self) -> str | None:
        text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", self._text("registration_number"))).upper()
        if not text:
            return None
        if not _REGISTRATION.fullmatch(text):
            self.refuse("registration_number", "is not T and 13 digits")
        elif not corporate_number_is_valid(text[1:]):
            self.refuse("registration_number", "its check digit does not hold")
        return text

    def _account(self) -> Account | None:
        number = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", self._text("account_number")))
        if not number:
            return None
        if not _ACCOUNT.fullmatch(number):
            self.refuse("account_number", "is not up to 16 digits")
        return Account(
            bank=self._text("bank") or None,
            branch=self._text("branch") or None,
            type=self._text("account_type") or None,
            number=number,
            holder=self._text("account_holder") or None,
        )


def _check_twice(partner: Partner, row: _Row, seen: dict[tuple[str, str], int]) -> None:
    """A number and a code belong to one partner; one name may be several's, but not in two rows that say the same."""
    number = partner.registration_number
    keys = [("registration_number", number) if number else ("name", partner.name)]
    if partner.code:
        keys.append(("code", partner.code))
    for key in keys:
        first = seen.setdefault(key, row.line)
        if first != row.line:
            row.refuse(key[0], f"the same as in line {first}")
