"""What kind of document this is: invoice, receipt or something else, by its wording and its shape."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from ocr_core.contracts.geometry import bounds
from ocr_core.contracts.result import DocumentType
from postprocess_svc.lines import PageLines, TextLine

# (the cheap question, pattern, points for invoice, points for receipt, points for other); a wording counts once. A
# title is worth more than a word in passing: titles are matched as whole lines and count double. Patterns are in lower
# case, as are the texts that they are looked for in, and the cheap question leaves out the bounds of words: so the
# engine knows by a character that no wording begins there, and is several times faster than with ``re.IGNORECASE``.
_SIGNS: tuple[tuple[re.Pattern[str], re.Pattern[str], float, float, float], ...] = tuple(
    (re.compile(pattern.replace(r"\b", "")), re.compile(pattern), invoice, receipt, other)
    for pattern, invoice, receipt, other in (
        (r"請求書(?!番号)|請求明細|請求金額|[御ご]請求(?!書?番号|書?no)|納入通知", 4, -1, 0),
        (r"請求(?:日|番号|no|額|致|いた|申し)|支払期[限日]|振込[期先]|振込手数料|口座(?:番号|名義)", 2, -1, 0),
        (r"納入期限|納期限|納付期限|入金期限|引落日|お?振込(?:口座|ください|下さい|みください)", 2, -1, 0),
        (r"御中", 1.5, -0.5, 0.5),
        (r"領[収收][書証證]|領収|レシート", -0.5, 4, 0),
        (r"お釣|釣銭|お預か?り|クレジット|点数|レジ(?![ァ-ヺ])|責no", -1, 2, 0),
        (r"現金|再発行", -0.3, 1, 0),
        (r"お買上|またのご来店|ありがとうござい|毎度", -0.3, 1.2, 0),
        (
            r"(?m)^(?:払込取扱票|払込票)|(?:会費|費|料|代|金)(?:の)?(?:納入|納付|お?支払い?|お?振込み?)の?(?:お願い|ご?案内)",
            4,
            -1,
            0,
        ),
        (
            (
                r"(?m)^(?!.{0,12}請求書).{0,6}(?:見積書|納品書|注文書|発注書|契約書|支払通知書|支払明細書|仕入明細書"
                r"|申込書|検収書).{0,4}$"
            ),
            -1,
            -1,
            3.5,
        ),
        (r"小計|合計", 0.5, 1, 0),
        (r"\binvoice (?:no|number|date|#)|\binvoice\b|\bbill to\b", 2.5, 0, 0),
        (
            r"rechnung|factur[ea]|fattura|factuur|\bfatura\b|faktura|parcella|note d.honoraires|honorarnote",
            3.5,
            -0.5,
            0,
        ),
        (
            (
                r"due date|payment terms|\biban\b|zahlbar|fällig|échéance|remit|(?:amount|balance|total|now) due"
                r"|due within|payment (?:is )?due|sort code|vervaldatum|scadenza|vencimiento"
            ),
            2,
            -1,
            0,
        ),
        (r"\breceipt\b|quittung|kassenbon|\bticket\b|cash (?:sales|bill)|kassabon|scontrino", -0.5, 3, 0),
        (r"factura simplificada", -2, 4, 0),
        (
            (
                r"(?m)^(?:cash|change)\b|\bcash\b(?! on| flow| discount)|\bchange due|\btender|rounding|cashier"
                r"|\bvisa\b|master ?card|rückgeld|rendu"
            ),
            -0.5,
            2,
            0,
        ),
        (r"thank you", -0.3, 1, 0),
        (
            r"quotation|purchase order|delivery note|packing list|bill of lading|waybill|angebot|lieferschein",
            -1,
            -1,
            3,
        ),
        (r"\bagreement\b|annual report|balance sheet|curriculum vitae", -1, -1, 3),
        (r"\btotal\b|gesamt|summe|montant", 0.6, 0.8, 0),
    )
)
_SPACED_OUT = re.compile(r" (?<=[^\x00-\x7f] ) *(?=[^\x00-\x7f])")
_STRUNG_OUT = re.compile(r"(?<=\n[^\x00-\x7f])\n(?=[^\x00-\x7f](?:\n|$))|(?<=^[^\x00-\x7f])\n(?=[^\x00-\x7f](?:\n|$))")
"""A title whose characters stand so far apart that each is a line of its own: 請    求    書."""
_RECEIPT_TITLE = re.compile(r"(?m)^.{0,6}(?:領[収收][書証證]|レシート|\breceipt\b|quittung).{0,12}$")
_INVOICE_TITLE = re.compile(r"請求(?!書?(?:番号|no))|invoice(?! no| number)|rechnung|factur|fattura")
_TITLED_RECEIPT = 3.0
"""A page that is titled a receipt is one, whatever it says of the invoice that was paid and of how."""
_NEEDED = 2.0
_NARROW_ASPECT = 1.75
_FEW_LINES = 4


def classify(pages: Sequence[PageLines]) -> DocumentType:
    """Decide by wording and layout; ``other`` where neither an invoice nor a receipt speaks for itself."""
    lines = [line for page in pages for line in page.printed]
    if not lines:
        return DocumentType.OTHER
    text = _lower(unicodedata.normalize("NFKC", "\n".join([line.text for line in lines])))
    titles = "\n".join(_title(line) for line in _largest(pages[0].printed or tuple(lines)))
    titles = _STRUNG_OUT.sub("", _lower(titles))
    invoice = receipt = other = 0.0
    compact = _STRUNG_OUT.sub("", _SPACED_OUT.sub("", text))
    for unbounded, pattern, for_invoice, for_receipt, for_other in _SIGNS:
        if unbounded.search(compact) is None or pattern.search(compact) is None:
            continue
        strength = 1.7 if pattern.search(titles) else 1.0
        invoice += for_invoice * strength
        receipt += for_receipt * strength
        other += for_other * strength
    if _RECEIPT_TITLE.search(titles) is not None and _INVOICE_TITLE.search(titles) is None:
        receipt += _TITLED_RECEIPT
    narrow = _narrowness(pages[0])
    receipt += narrow
    invoice -= 0.5 * narrow
    best = max(invoice, receipt, other)
    if best < _NEEDED:
        return DocumentType.OTHER
    if best == other:
        return DocumentType.OTHER
    return DocumentType.INVOICE if invoice >= receipt else DocumentType.RECEIPT


def _lower(text: str) -> str:
    """Lower case, of a dotted or dotless I too: as ``re.IGNORECASE`` has it."""
    return text.replace("İ", "i").replace("ı", "i").lower()


def _title(line: TextLine) -> str:
    folded = unicodedata.normalize("NFKC", line.text)
    return re.sub(r"\s+", " " if folded.isascii() else "", folded)


def _largest(lines: Sequence[TextLine]) -> list[TextLine]:
    """The five lines in the largest type: the title is one of them."""
    return sorted(lines, key=lambda line: -math.dist(line.quad[0], line.quad[3]))[:5]


def _narrowness(page: PageLines) -> float:
    """How much the print looks like a till's roll: a narrow column of short lines, 0 to 2.5."""
    lines = page.printed
    if len(lines) < _FEW_LINES:
        return 0.0
    box = bounds(*(line.quad for line in lines))
    heights = sorted(math.dist(line.quad[0], line.quad[3]) for line in lines)
    characters_across = box.width / max(1.0, heights[len(heights) // 2])
    aspect = box.height / max(1.0, box.width)
    score = 0.0
    if characters_across < 26:
        score += 1.5
    if aspect > _NARROW_ASPECT:
        score += 1.0
    return score
