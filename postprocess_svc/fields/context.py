"""What the families share about a document: rows with their labels, dates and amounts; language, currency, dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from ocr_core.contracts.frozen import value
from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.indexing import index_page
from postprocess_svc.fields.labels import Label, Phrase, find_labels, phrases
from postprocess_svc.fields.page_index import PageIndex, Row
from postprocess_svc.fields.values.amounts import UNKNOWN_CURRENCY, PrintedAmount, find_amounts
from postprocess_svc.fields.values.dates import DayOrder, PrintedDate, find_dates
from postprocess_svc.fields.values.folding import count_cjk, count_kana, has_digits
from postprocess_svc.lines import PageLines
from postprocess_svc.tables.table import TextTable

T = TypeVar("T")

_LONG_END = 10_000
"""Characters: some five full pages, on the first and last of which the parties are named."""


class Language(StrEnum):
    """Languages that change how a document is read."""

    JAPANESE = "ja"
    CHINESE = "zh"
    GERMAN = "de"
    FRENCH = "fr"
    DUTCH = "nl"
    ENGLISH = "en"


@value
class RowFacts:
    """A row and what was found in it; spans are spans of ``row.text``."""

    row: Row
    page: PageIndex
    labels: tuple[Label, ...]
    phrases: tuple[Phrase, ...]
    dates: tuple[PrintedDate, ...]
    amounts: tuple[PrintedAmount, ...]
    has_long_number: bool
    """Seven digits at least, wherever they stand: a phone, a registration number or an account may be among them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DocumentContext:
    """A document, indexed once for all families."""

    pages: tuple[PageIndex, ...]
    facts: tuple[RowFacts, ...]
    """All rows, page by page, from the top down; ``facts[row.number].row is row``."""
    language: Language
    currency: str
    day_order: DayOrder
    day_order_is_sure: bool
    """Other dates or the country say so; without that the order of 03/04/2026 is a guess."""
    document_type: DocumentType
    tables: tuple[TextTable, ...] = ()
    """Of all pages, in their order."""
    _shared: dict[Callable[[DocumentContext], Any], Any] = field(default_factory=dict, repr=False)

    def shared(self, make: Callable[[DocumentContext], T]) -> T:
        """What ``make`` finds in this document, found once however many fields ask for it."""
        if make not in self._shared:
            self._shared[make] = make(self)
        found: T = self._shared[make]
        return found

    def read_as(self, document_type: DocumentType) -> DocumentContext:
        """The same document, already indexed, taken for another kind."""
        return self if document_type is self.document_type else replace(self, document_type=document_type, _shared={})

    def rows_above(self, facts: RowFacts) -> Iterator[RowFacts]:
        """The rows above on the same page, nearest first."""
        for number in range(facts.row.number - 1, -1, -1):
            if self.facts[number].row.page != facts.row.page:
                return
            yield self.facts[number]

    @cached_property
    def text(self) -> str:
        """All rows' folded text."""
        return "\n".join(facts.row.text for facts in self.facts)

    @cached_property
    def ends(self) -> str:
        """The text, of a very long one its beginning and its end: for questions that are asked for every name."""
        text = self.text
        return text if len(text) <= 2 * _LONG_END else f"{text[:_LONG_END]}\n{text[-_LONG_END:]}"


def build_context(pages: Sequence[PageLines], *, document_type: DocumentType) -> DocumentContext:
    """Index a document's pages and find what every family needs."""
    indexed: list[PageIndex] = []
    first = 0
    for page in pages:
        indexed.append(index_page(page, first_row=first))
        first += len(indexed[-1].rows)
    text = "\n".join(row.text for page in indexed for row in page.rows)
    language = detect_language(text)
    facts = tuple(_row_facts(row, page, language) for page in indexed for row in page.rows)
    currency = _currency(facts, text, language)
    day_order, is_sure = _day_order(facts, text, language, currency)
    return DocumentContext(
        pages=tuple(indexed),
        facts=facts,
        language=language,
        currency=currency,
        day_order=day_order,
        day_order_is_sure=is_sure,
        document_type=document_type,
        tables=tuple(table for page in pages for table in page.tables),
    )


def _row_facts(row: Row, page: PageIndex, language: Language) -> RowFacts:
    labels = find_labels(row)
    dates = find_dates(row.text, short_year_first=language is Language.JAPANESE)
    hidden = [(date.start, date.end) for date in dates if not date.compact]
    return RowFacts(
        row=row,
        page=page,
        labels=tuple(labels),
        phrases=tuple(phrases(row, labels)),
        dates=tuple(dates),
        amounts=tuple(find_amounts(row.text, hidden=hidden)),
        has_long_number=has_digits(row.text, 7),
    )


_LISTED_WORDS = {
    Language.GERMAN: """
        und der die das rechnung rechnungsnummer betrag menge datum mwst ust gmbh straße str netto brutto für
        mit bis zzgl euro kunde""",
    Language.FRENCH: """
        et le la les des du facture montant tva client date total ht ttc adresse rue quantité prix sarl
        échéance paiement pour""",
    Language.DUTCH: """
        en het een van factuur factuurnummer btw bedrag totaal aantal klant voor datum prijs straat""",
    Language.ENGLISH: """
        and the of to for invoice total amount date tax no qty price cash change thank you receipt bill due""",
}
_WORDS_OF = {language: frozenset(listed.split()) for language, listed in _LISTED_WORDS.items()}
_WORD = re.compile(r"[a-zäöüßéèàçôêûîâ]+")


def detect_language(text: str) -> Language:
    """The language that most of a document's words belong to; English where nothing speaks for another."""
    cjk = 0 if text.isascii() else count_cjk(text)
    if cjk and cjk / max(1, sum(map(str.isalpha, text))) > 0.1:
        return Language.JAPANESE if count_kana(text) * 20 > cjk or "円" in text or "¥" in text else Language.CHINESE
    words = Counter(_WORD.findall(text.lower()))
    scores = {language: sum(words[word] for word in known) for language, known in _WORDS_OF.items()}
    best = max(scores, key=lambda language: (scores[language], language is Language.ENGLISH))
    return best if scores[best] else Language.ENGLISH


# Countries whose documents often leave the currency out, or call it "$" too; what only they print. All put the day
# first, in Canada as often as not.
_CURRENCY_BY_COUNTRY = (
    (
        re.compile(
            r"(?i:\bpty\.? ?(?:ltd|limited)\b|\baustralia\b)|\b(?:A[BC]N|A\.[BC]\.N\.)[ :.]*(?:[Nn]o)?[ :.]*\d{2}"
            r"|\b(?:NSW|VIC|QLD|SA|WA|TAS|ACT|NT),? \d{4}\b"
        ),
        "AUD",
    ),
    (re.compile(r"\b(?:new zealand|nzbn|auckland)\b", re.IGNORECASE), "NZD"),
    (
        re.compile(
            r"(?i:\b(?:canada|ontario|québec|quebec|british columbia)\b)"
            r"|\b(?:AB|BC|MB|N[BLST]|ON|PE|QC|SK),? [A-Z]\d[A-Z] ?\d[A-Z]\d\b|\b(?:HST|QST)\b"
        ),
        "CAD",
    ),
    (re.compile(r"\b(?:hong kong|kowloon)\b", re.IGNORECASE), "HKD"),
    (re.compile(r"\b(?:sdn\.? ?bhd|malaysia|jalan|jln|selangor|kuala lumpur|johor)\b", re.IGNORECASE), "MYR"),
    (re.compile(r"\b(?:pte\.? ?ltd|singapore)\b", re.IGNORECASE), "SGD"),
    (re.compile(r"\b(?:gstin|cgst|sgst|igst|india|rupees)\b", re.IGNORECASE), "INR"),
    (re.compile(r"\b(?:united kingdom|london)\b", re.IGNORECASE), "GBP"),
    (re.compile(r"\bGB\d{2}[A-Z]{4}\d{6}|\bGB ?\d{9}\b|\bsort code\b"), "GBP"),
)
# A town, the state and its postcode, as an address of the United States ends.
_STATE_AND_POSTCODE = re.compile(
    r",? (?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]),? \d{5}(?:-\d{4})?(?!\d)"
)
_UNITED_STATES = re.compile(r"(?i:united states)|\bU\.?S\.?A\.?\b")
_MAYBE_UNITED_STATES = re.compile(r"\b[A-Z]{2},? ?\d{5}(?:-\d{4})?\b")
_DAY_FIRST_LANGUAGES = frozenset({Language.GERMAN, Language.FRENCH, Language.DUTCH})
_DAY_FIRST_CURRENCIES = frozenset({"EUR", "GBP", "CHF", "MYR", "SGD", "INR", "AUD", "NZD", "HKD"})
_DOLLARS = frozenset({"AUD", "NZD", "CAD", "SGD", "HKD"})


def _currency(facts: Sequence[RowFacts], text: str, language: Language) -> str:
    """The currency printed most often; where none is, the one of the language or country."""
    printed = Counter(amount.currency for fact in facts for amount in fact.amounts if amount.currency is not None)
    if language is Language.CHINESE and printed["JPY"]:
        printed["CNY"] += printed.pop("JPY")
    if language is not Language.JAPANESE and printed["JPY"] and len(printed) > 1:
        del printed["JPY"]
    codes = Counter(re.findall(r"(?<![A-Za-z])(EUR|USD|GBP|CHF|MYR|SGD|JPY|INR|CAD|AUD|RM)(?![A-Za-z])", text))
    codes["MYR"] += codes.pop("RM", 0)
    printed.update({code: count for code, count in codes.items() if count})
    if printed:
        code = printed.most_common(1)[0][0]
        # The dollar sign alone names no country; a code or the country's name does.
        return _which_dollar(text, named="USD" in codes) if code == "USD" else code
    if language is Language.JAPANESE:
        return "JPY"
    if "€" in text or language in {Language.GERMAN, Language.FRENCH, Language.DUTCH}:
        return "EUR"
    if "£" in text:
        return "GBP"  # set apart from its amounts, as columns of a form have it
    code = next(_countries(text), UNKNOWN_CURRENCY)
    return "USD" if code == UNKNOWN_CURRENCY and _STATE_AND_POSTCODE.search(text) is not None else code


def _which_dollar(text: str, *, named: bool) -> str:
    code = next((c for c in ("SGD", "CAD", "AUD", "NZD", "HKD") if c in text), None)
    if code is None and not named and not _is_american(text):
        code = next((c for c in _countries(text) if c in _DOLLARS), None)
    return code or "USD"


def _countries(text: str) -> Iterator[str]:
    """Currencies of the countries that a text points to."""
    return (code for pattern, code in _CURRENCY_BY_COUNTRY if pattern.search(text))


def _is_american(text: str) -> bool:
    return _UNITED_STATES.search(text) is not None or _STATE_AND_POSTCODE.search(text) is not None


def _day_order(facts: Sequence[RowFacts], text: str, language: Language, currency: str) -> tuple[DayOrder, bool]:
    """What the document's unambiguous dates say, else its language or country; and whether any of these do.

    Where none does, a bare dollar sign is taken for the United States': month first.
    """
    dates = [date for fact in facts for date in fact.dates]
    votes = Counter(date.forced_order for date in dates if date.forced_order is not None)
    if votes:
        return votes.most_common(1)[0][0], True
    if language in _DAY_FIRST_LANGUAGES or not any(date.swappable for date in dates):
        return DayOrder.DAY_FIRST, True
    american, countries = _is_american(text), set(_countries(text))
    if countries and not american:
        return DayOrder.DAY_FIRST, countries != {"CAD"}
    if american and not countries:
        return DayOrder.MONTH_FIRST, True
    if currency == "USD" or (currency == UNKNOWN_CURRENCY and (american or _MAYBE_UNITED_STATES.search(text))):
        return DayOrder.MONTH_FIRST, False
    return DayOrder.DAY_FIRST, not american and currency in _DAY_FIRST_CURRENCIES
