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
    return DocumentContext(
        pages=tuple(indexed),
        facts=facts,
        language=language,
        currency=currency,
        day_order=_day_order(facts, text, currency),
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


# Countries whose documents often leave the currency out; a word or form of company that only they use.
_CURRENCY_BY_COUNTRY = (
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
_UNITED_STATES = re.compile(r"united states|\bU\.?S\.?A\.?\b|\b[A-Z]{2},? ?\d{5}(?:-\d{4})?\b")


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
        return next((c for c in ("SGD", "CAD", "AUD", "HKD") if c in text), code) if code == "USD" else code
    if language is Language.JAPANESE:
        return "JPY"
    if "€" in text or language in {Language.GERMAN, Language.FRENCH, Language.DUTCH}:
        return "EUR"
    code = next((code for pattern, code in _CURRENCY_BY_COUNTRY if pattern.search(text)), UNKNOWN_CURRENCY)
    return "USD" if code == UNKNOWN_CURRENCY and _STATE_AND_POSTCODE.search(text) is not None else code


def _day_order(facts: Sequence[RowFacts], text: str, currency: str) -> DayOrder:
    """What the document's unambiguous dates say; otherwise month first only where it points to the United States."""
    votes = Counter(date.forced_order for fact in facts for date in fact.dates if date.forced_order is not None)
    if votes:
        return votes.most_common(1)[0][0]
    if currency == "USD" or (currency == UNKNOWN_CURRENCY and _UNITED_STATES.search(text)):
        return DayOrder.MONTH_FIRST
    return DayOrder.DAY_FIRST
