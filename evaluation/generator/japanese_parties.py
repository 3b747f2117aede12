"""Made-up Japanese companies, shops and people with the accounts that they are paid to."""

from __future__ import annotations

import random
from dataclasses import replace

from evaluation.generator.content import Account, Party
from evaluation.generator.forms import bank_kana
from evaluation.generator.identifiers import digits, registration_number
from evaluation.generator.splits import Split
from evaluation.generator.vocabulary import vocabulary, word_and_reading

# A company's form, printed before or after the name, and what it becomes in an account holder's name.
FORMS_BEFORE = (
    ("株式会社", "カ）"),
    ("株式会社", "カ）"),
    ("有限会社", "ユ）"),
    ("合同会社", "ド）"),
    ("(株)", "カ）"),
    ("㈱", "カ）"),
)
FORMS_AFTER = (
    ("株式会社", "（カ"),
    ("株式会社", "（カ"),
    ("有限会社", "（ユ"),
    ("（株）", "（カ"),
    ("㈱", "（カ"),
    ("㈲", "（ユ"),
)
BODIES = (("NPO法人", "トクヒ）"), ("一般社団法人", "シヤ）"), ("医療法人", "イ）"), ("学校法人", "ガク）"))
AREA_CODES = ("03", "06", "011", "022", "045", "052", "075", "078", "082", "092", "0263", "0466", "0952")
MOBILE_PREFIXES = ("090", "080", "070")
FREE_DIAL = "0120"
POST_BRANCH_DIGITS = str.maketrans("0123456789", "〇一二三四五六七八九")
"""How the post's bank spells the codes of its branches: 018 is 〇一八."""


class JapaneseParties:
    """Draws parties from one split's names."""

    def __init__(self, draw: random.Random, split: Split) -> None:
        self._draw = draw
        self._split = split

    def company(self) -> Party:
        """A company, now and then a public body or a sole proprietor."""
        kind = self._draw.random()
        if kind < 0.08:
            return self.person()
        core, reading, logo = self._core()
        if kind < 0.14:
            body, holder = self._draw.choice(BODIES)
            return self._party(body + core, holder + reading, logo)
        if self._draw.random() < 0.55:
            form, holder = self._draw.choice(FORMS_BEFORE)
            gap = " " if self._draw.random() < 0.12 else ""
            return self._party(form + gap + core, holder + reading, logo)
        form, holder = self._draw.choice(FORMS_AFTER)
        return self._party(core + form, reading + holder, logo)

    def person(self) -> Party:
        """A sole proprietor or a private customer."""
        surname, surname_reading = self._word("surnames")
        given, given_reading = self._word("given_names")
        gap = self._draw.choice((" ", "\N{IDEOGRAPHIC SPACE}", ""))
        holder = f"{surname_reading} {given_reading}"
        return self._party(surname + gap + given, holder, "", is_person=True)

    def shop(self, trade: str) -> Party:
        """A shop, restaurant, hotel, taxi or car park, mostly by the name over its door."""
        if self._draw.random() < 0.2:
            return self.company()
        pattern = self._draw.choice(vocabulary("names_ja").choices(f"shop_{trade}", self._split))
        parts = {"word": "words", "surname": "surnames", "kanji": "kanji_names", "place": "places"}
        words = {name: self._word(kind) for name, kind in parts.items()}
        name = pattern.format(**{part: word for part, (word, _) in words.items()})
        reading = next(reading for part, (_, reading) in words.items() if "{" + part + "}" in pattern)
        return self._party(name, "カ）" + reading, "")

    def proprietor(self, trade: str) -> Party:
        """An office, studio or association by its own name, whose account is its owner's."""
        pattern = self._draw.choice(vocabulary("names_ja").choices(f"shop_{trade}", self._split))
        parts = {"word": "words", "surname": "surnames", "kanji": "kanji_names", "place": "places"}
        owner = self.person()
        name = pattern.format(**{part: self._word(kind)[0] for part, kind in parts.items()})
        return replace(self._party(name, owner.holder, ""), person=owner.name)

    def phone(self) -> str:
        """A number as printed: area code, exchange, line; brackets or hyphens; mobile and toll-free ones too."""
        draw = self._draw
        kind = draw.random()
        if kind < 0.12:
            return f"{draw.choice(MOBILE_PREFIXES)}-{digits(draw, 4)}-{digits(draw, 4)}"
        if kind < 0.2:
            return f"{FREE_DIAL}-{digits(draw, 3)}-{digits(draw, 3)}"
        area = draw.choice(AREA_CODES)
        exchange, line = digits(draw, 6 - len(area)), digits(draw, 4)
        if draw.random() < 0.2:
            return f"{area}({exchange}){line}"
        return f"{area}-{exchange}-{line}"

    def accounts(self, holder: str, count: int, *, with_post_branch: bool = False) -> tuple[Account, ...]:
        """Accounts at different banks; where there are several, the post's bank may be among them.

        Args:
            holder: Whose they are.
            count: How many.
            with_post_branch: The first one is the post's bank's by its branch and number, as other banks pay to it.
        """
        draw = self._draw
        names = vocabulary("names_ja")
        banks = draw.sample(names.choices("banks", self._split), count)
        branches = draw.sample(names.choices("bank_branches", self._split), count)
        accounts = [self._bank_account(bank, branch, holder) for bank, branch in zip(banks, branches, strict=True)]
        if draw.random() < (0.5 if count > 1 else 0.08):
            accounts[-1] = self._postal_account(holder)
        if with_post_branch:
            accounts[0] = self._post_branch_account(holder)
        return tuple(accounts)

    def department(self) -> str:
        """A department of a company."""
        return self._draw.choice(vocabulary("names_ja").choices("departments", self._split))

    def _bank_account(self, bank: str, branch: str, holder: str) -> Account:
        draw = self._draw
        account_type = draw.choices(("ordinary", "checking", "savings"), weights=(84, 13, 3))[0]
        return Account(
            kind="bank",
            bank=bank,
            bank_code=f"{draw.randrange(1, 2000):04d}",
            branch=branch,
            branch_code=f"{draw.randrange(1, 999):03d}",
            account_type=account_type,
            number=f"{draw.randrange(10**5, 10**7):07d}",
            holder=holder,
        )

    def _post_branch_account(self, holder: str) -> Account:
        code = f"{self._draw.randrange(100):02d}8"
        account = self._bank_account("ゆうちょ銀行", code.translate(POST_BRANCH_DIGITS), holder)
        return replace(account, bank_code="9900", branch_code=code, account_type="ordinary")

    def _postal_account(self, holder: str) -> Account:
        draw = self._draw
        if draw.random() < 0.65:
            kind, number = "postal", f"1{digits(draw, 3)}0-{digits(draw, 7)}1"
        else:
            kind, number = "transfer", f"00{digits(draw, 2)}0-{digits(draw, 1)}-{digits(draw, 6)}"
        return Account(
            kind=kind,
            bank="ゆうちょ銀行" if kind == "postal" else "",
            bank_code="",
            branch="",
            branch_code="",
            account_type="",
            number=number,
            holder=holder,
        )

    def _core(self) -> tuple[str, str, str]:
        """A company's name without its form, its reading, and a logo's letters."""
        draw = self._draw
        trade, trade_reading = self._word("trades")
        word, word_reading = self._word("words")
        latin, _ = self._word("latin_words")
        kind = draw.randrange(6)
        if kind == 0:
            name, reading = self._word("surnames")
            return name + trade, reading + trade_reading, ""
        if kind == 1:
            name, reading = self._word("places")
            return name + trade, reading + trade_reading, latin
        if kind == 2:
            name, reading = self._word("kanji_names")
            return name + trade, reading + trade_reading, ""
        if kind == 3:
            return word + trade, word_reading + trade_reading, latin
        if kind == 4:
            place, place_reading = self._word("places")
            return place + word, place_reading + word_reading, latin
        ending = draw.choice(("", trade))
        return latin + ending, word_reading + (trade_reading if ending else ""), latin

    def _party(self, name: str, holder: str, logo: str, *, is_person: bool = False) -> Party:
        draw, names, split = self._draw, vocabulary("names_ja"), self._split
        surname, _ = self._word("surnames")
        given, _ = self._word("given_names")
        street = draw.choice(names.choices("streets", split))
        numbers = f"{draw.randint(1, 9)}-{draw.randint(1, 28)}-{draw.randint(1, 19)}"
        if draw.random() < 0.2:
            numbers = f"{draw.randint(1, 6)}丁目{draw.randint(1, 28)}番{draw.randint(1, 19)}号"
        building = draw.choice(names.choices("buildings", split))
        return Party(
            name=name,
            holder=bank_kana(holder),
            postal_code=f"{digits(draw, 3)}-{draw.randrange(10**4):04d}",
            address=(
                draw.choice(names.choices("prefectures", split)) + street + numbers,
                *([building] if building else []),
            ),
            phone=self.phone(),
            fax=self.phone(),
            registration_number=registration_number(draw),
            person=f"{surname} {given}",
            department="" if is_person else self.department(),
            is_person=is_person,
            logo=logo,
            mail=f"info@{draw.choice(('example.jp', 'example.co.jp', 'example.com'))}",
        )

    def _word(self, kind: str) -> tuple[str, str]:
        return word_and_reading(self._draw.choice(vocabulary("names_ja").choices(kind, self._split)))
