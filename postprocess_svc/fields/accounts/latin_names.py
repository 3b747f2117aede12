"""Who holds an account, and at which bank, where no label says so: in a sentence, in a line of parts, in a column.

Please pay Acme Tools Inc., Borough Bank, account 20485305.
Wir bitten um Zahlung auf unser Konto DE89 … bei der Volksbank Muster eG, lautend auf Muster & Söhne OHG.
Borough Bank · Acme Tools Inc. · 20485305 · 20-48-53
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postprocess_svc.fields.cells import Cell, find_cells
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import listed
from postprocess_svc.fields.vocabulary import Role

_CAPITAL = r"(?![A-Z]{2}\d{2})[A-ZÄÖÜÉÈÀ]"
"""The first letter of a name's next word, which is not an IBAN."""
_BRANDS = listed(
    """
    NatWest | Barclays | HSBC | Lloyds | Santander | Halifax | Monzo | Revolut | Wise | ING | ABN AMRO | KBC |
    Belfius | BNP Paribas | LCL | Qonto | N26 | UniCredit | Intesa Sanpaolo | INTESA SANPAOLO | BBVA | CaixaBank |
    Bankinter | UBS | PostFinance | Raiffeisen | Erste | PKO | mBank | Nordea | SEB | Swedbank | DBS | OCBC | UOB |
    Citi | JPMorgan | Wells Fargo | Argenta | Crelan | bunq | Monte dei Paschi di Siena | SumUp | DNB | Handelsbanken
    """
)
"""Banks whose names say nothing of it."""
_COMPANY = r"(?:,? (?:Ltd|LTD|Limited|LIMITED|N\.A|NA|PLC|plc|AG|S\.A|Co\.,? Ltd|Berhad|Inc)(?![A-Za-z])\.?)?"
BANK_WORD = re.compile(
    r"(?<![A-Za-z])(?:[A-ZÄÖÜ][\w.&-]* (?:& ?)?){0,3}"
    r"(?:\w*Bank(?![a-z])|\w+bank(?![a-z])|[A-Z]?\w*[Ss]parkasse|Banking Corporation|BANKING CORPORATION|Banque"
    r"|BANK(?![A-Z])|Banca|Banco|Credit Union|Building Society)"
    rf"(?: (?:of |de |du |des )?{_CAPITAL}[\w.&-]*){{0,3}}(?: e\.?G\.?(?![a-z]))?{_COMPANY}"
    rf"|(?<![A-Za-z])(?:{'|'.join(_BRANDS)})(?![A-Za-z])(?: {_CAPITAL}[\w-]+){{0,2}}{_COMPANY}"
    rf"|(?<![A-Za-z])(?:Crédit|Credit|Caisse|Société Générale)"
    rf"(?: (?:d['’e] ?|de la |du |des |l['’])?{_CAPITAL}[\w'’-]*){{1,4}}"
)
"""A bank by the word that its name has."""
_SEPARATOR = re.compile(
    r"\s*[·•|;\t]\s*|\s+[-–—]\s+|,\s+(?!(?:Inc|Ltd|LLC|LLP|Co|Corp|GmbH|S\.?A|S\.?L|B\.?V|S\.?r\.?l|N\.?A|K\.K|PLC|Limited|Incorporated|LTD|LIMITED|INC)\b)"
)
_PAYEE = re.compile(
    r"(?:lautend\s+auf|zu ?gunsten(?: von| der)?|payable to|please pay|pay to|in favou?r of|favou?ring|in the name of|"
    r"au nom de|à l['’]ordre de|en faveur de)\s*:?\s+(?=\S)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^[^:]{1,40}:\s+")
_HEADING = re.compile(
    r"^(?:wire (?:instructions|transfer)|transfer to|how to pay|pay by bank transfer|remit to|"
    r"(?:bank(?:ing)?|payment|account|transfer) (?:details|information|instructions)|virement à|règlement par virement|"
    r"(?:unsere )?bankverbindung|zahlung an)\s+",
    re.IGNORECASE,
)
_ENDS_IN_STOP = re.compile(
    r"(?:Inc|Ltd|Co|Corp|S\.n\.c|S\.r\.l|S\.a\.s|INC|LTD|CO|CORP|e\.K|e\.V|S\.A|L\.P|Bros|[A-Z]\.[A-Z])\.$"
)
_LABEL = re.compile(
    r"\b(?:konto|compte|(?<!office )(?<!client )(?<!trust )account|iban"
    r"|zahlbar|payable|payment|cuenta|conto|rekening)\b|^for ",
    re.IGNORECASE,
)
"""What names an account, or begins who signs: no holder."""
_CODE = re.compile(r"(?:[A-Z]{6}[A-Z0-9]{2,5}|(?:IBAN|BIC|SWIFT).*)$")
_STACK_ROWS = 3
_SENTENCE_ROWS = 3
_LEAST_LETTERS = 4
_LONGEST = 60
_MOST_ROWS = 400
"""Beyond them a document is a list, and its lines are no parties."""


def holder_without_label(context: DocumentContext, facts: RowFacts, at: int) -> str | None:
    """Who is to be paid, by a sentence, or by a party's name in the account's line or column; ``at``: its number."""
    if (payee := _payee(context, facts)) is not None:
        return payee
    parties = context.shared(_parties)
    for text in _near(context, facts, at):
        for part in parts(text):
            name = _HEADING.sub("", _LEAD.sub("", part)).strip()
            is_party = names.has_latin_form(name) or len(parties.get(names.comparable(name), ())) > 1
            if is_party and _may_be_holder(name):
                return without_stop(name)
    return None


def parts(text: str) -> list[str]:
    """A line's parts; the comma of Acme, Inc. parts nothing."""
    return [part for part in _SEPARATOR.split(text) if part.strip()]


def without_stop(name: str) -> str:
    """A name without the stop of the sentence that it ends, but with the one of Inc."""
    return name if _ENDS_IN_STOP.search(name) is not None else name.rstrip(" .,")


def _may_be_holder(name: str) -> bool:
    letters = sum(map(str.isalpha, name))
    if letters < _LEAST_LETTERS or len(name) > _LONGEST or sum(map(str.isdigit, name)) > 2:
        return False
    return not any(pattern.search(name) for pattern in (BANK_WORD, _LABEL)) and _CODE.match(name) is None


def _payee(context: DocumentContext, facts: RowFacts) -> str | None:
    rows, number = context.facts, facts.row.number
    text = "\n".join(
        other.row.text for other in rows[number : number + _SENTENCE_ROWS] if other.row.page == facts.row.page
    )
    match = _PAYEE.search(text)
    if match is None:
        return None
    rest = text[match.end() :]
    if not names.has_latin_form(rest.split("\n", maxsplit=1)[0]):
        rest = rest.replace("\n", " ")  # the name may go on in the next line
    name = parts(re.split(r"\n|(?<=\.) (?=[A-Z])", rest)[0])
    return without_stop(name[0].strip()) if name and _may_be_holder(name[0]) else None


def _near(context: DocumentContext, facts: RowFacts, at: int) -> Iterator[str]:
    """The number's own cell, those behind it, then those over and under it in its column; none that names the payer."""
    column = list(own_column(context, facts, at))
    behind = [cell for cell in context.shared(find_cells)[facts.row.number] if cell.start > at]
    yield from (cell.text for cell in (*column[:1], *behind, *column[1:]) if not _is_payer(cell))


def _is_payer(cell: Cell) -> bool:
    return any(Role.RECIPIENT in label.roles and label.start == cell.start for label in cell.facts.labels)


def _is_in_column(own: Cell, other: Cell) -> bool:
    height = own.extent.height
    near = abs(own.extent.left - other.extent.left) < height
    apart = abs(own.extent.top - other.extent.top)
    return near and own.facts.row.page == other.facts.row.page and apart < 2 * _STACK_ROWS * height


def own_column(context: DocumentContext, facts: RowFacts, at: int) -> Iterator[Cell]:
    """The number's own cell, and those over and under it in its column, nearest first."""
    rows = context.shared(find_cells)
    number = facts.row.number
    own = next((cell for cell in rows[number] if cell.start <= at < cell.end), None)
    if own is None:
        return
    yield own
    for away in (-1, 1, -2, 2, -3, _STACK_ROWS):
        if 0 <= number + away < len(rows):
            yield from (cell for cell in rows[number + away] if _is_in_column(own, cell))


def _parties(context: DocumentContext) -> dict[str, set[int]]:
    """The rows whose cells begin with a text, by the text as names are compared."""
    found: dict[str, set[int]] = {}
    for row in context.shared(find_cells)[:_MOST_ROWS]:
        for cell in row:
            if cell.has_letters and len(cell.text) < 3 * _LONGEST:
                for part in parts(cell.text)[:4]:
                    key = names.comparable(_LEAD.sub("", part))
                    if len(key) >= _LEAST_LETTERS:
                        found.setdefault(key, set()).add(cell.facts.row.number)
    return found
