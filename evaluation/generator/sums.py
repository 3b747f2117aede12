"""The rows under the items: subtotal, tax a rate, what is withheld, the total; and the balance of running accounts."""

from __future__ import annotations

from decimal import Decimal

from markupsafe import Markup

from evaluation.generator.printout import Printout, Row


def sum_rows(page: Printout) -> list[Row]:
    """The sums as a document prints them, from the first to what is to be paid."""
    sums = page.content.sums
    rows = []
    if sums.discount:
        rows.append(Row(label=page.w("discount"), value=_plain(page, -sums.discount), kind="discount"))
    rows += _included(page) if sums.includes_tax else _added(page)
    if sums.withholding:
        rows.append(Row(label=page.w("withholding"), value=_plain(page, -sums.withholding), kind="withholding"))
        label = page.w("total_after_withholding")
        rows.append(Row(label=label, value=page.total(page.style.row_money), kind="total"))
    return rows


def balance_rows(page: Printout) -> list[Row]:
    """Previous bill, payment, what is carried over, this period's purchases and tax, and what is to be paid."""
    sums, balance = page.content.sums, page.content.sums.balance
    if balance is None:
        raise ValueError(f"layout {page.layout.name} prints a balance, which its content lacks")
    # A running account always names this period's purchases, whether or not the document is one that shows subtotals.
    purchases = page.money("subtotal", sums.subtotal)
    return [
        Row(label=page.w("previous_balance"), value=_plain(page, balance.previous), kind="previous"),
        Row(label=page.w("payment_received"), value=_plain(page, balance.received), kind="received"),
        Row(label=page.w("carried_over"), value=_plain(page, balance.carried_over), kind="carried"),
        Row(label=page.w("purchases"), value=purchases, kind="subtotal"),
        Row(label=page.w("tax", rate=_single_rate(page)), value=page.money("tax_amount", sums.tax), kind="tax"),
        Row(label=page.w("this_total"), value=page.total(page.style.row_money), kind="total"),
    ]


def receipt_rows(page: Printout) -> list[Row]:
    """What a receipt prints above its total: discount, subtotal, and the tax where prices do not include it."""
    sums = page.content.sums
    rows = []
    if sums.discount:
        rows.append(Row(label=page.w("discount"), value=_plain(page, -sums.discount), kind="discount"))
    if page.shows("subtotal"):
        # A Japanese shop's 小計 holds the tax where its prices do; a net sum is what other languages print.
        is_gross = sums.includes_tax and page.content.language == "ja"
        subtotal = page.money("subtotal", sums.gross if is_gross else sums.subtotal)
        rows.append(Row(label=page.w("subtotal_receipt"), value=subtotal, kind="subtotal"))
    return rows if sums.includes_tax else [*rows, *_receipt_tax(page)]


def receipt_tax_rows(page: Printout) -> list[Row]:
    """What a receipt prints below its total: the tax that its prices include."""
    return _receipt_tax(page) if page.content.sums.includes_tax else []


def gross_row(page: Printout) -> Row:
    """The sum with tax: the total where nothing is withheld, and else a number on the way there."""
    sums = page.content.sums
    key = "gross" if page.content.language == "ja" else "total"
    value = page.total(page.style.row_money) if sums.gross == sums.total else _plain(page, sums.gross)
    return Row(label=page.w(key), value=value, kind="gross")


def rate_rows(page: Printout) -> list[Row]:
    """Each rate's net sum (gross, where prices include the tax) and tax; none of them is a field by itself."""
    rows = []
    for rate in page.content.sums.rates:
        base = rate.gross if page.content.sums.includes_tax else rate.net
        rows.append(Row(label=page.w("net_of_rate", rate=rate.rate_percent), value=_plain(page, base), kind="rate"))
        label = page.w("tax_of_rate", rate=rate.rate_percent)
        rows.append(Row(label=label, value=_plain(page, rate.tax), kind="rate"))
    return rows


def _added(page: Printout) -> list[Row]:
    sums = page.content.sums
    rows = []
    if page.shows("subtotal"):
        rows.append(Row(label=page.w("subtotal"), value=page.money("subtotal", sums.subtotal), kind="subtotal"))
    if page.layout.has("no_tax_amount"):
        return [*rows, gross_row(page)]
    if len(sums.rates) > 1:
        rows += rate_rows(page)
        if page.draw.random() < 0.4:
            # Only by rate: a reader may add them up or not.
            page.unjudged.add("tax_amount")
            return [*rows, gross_row(page)]
    tax = page.money("tax_amount", sums.tax)
    rows.append(Row(label=page.w("tax", rate=_single_rate(page)), value=tax, kind="tax"))
    return [*rows, gross_row(page)]


def _included(page: Printout) -> list[Row]:
    """Prices with tax: the total first, then the tax that it holds."""
    sums = page.content.sums
    rows = []
    if page.shows("subtotal") and page.draw.random() < 0.5:
        rows.append(Row(label=page.w("subtotal"), value=page.money("subtotal", sums.subtotal), kind="subtotal"))
    rows.append(gross_row(page))
    if len(sums.rates) > 1:
        page.unjudged.add("tax_amount")
        return [*rows, *rate_rows(page)]
    if page.layout.has("no_tax_amount"):
        return rows
    label = page.w("tax_included").lstrip("（")
    tax = page.money("tax_amount", sums.tax)
    rows.append(Row(label=f"（{label}", value=Markup("{}）").format(tax), kind="tax"))
    return rows


def _receipt_tax(page: Printout) -> list[Row]:
    rates = page.content.sums.rates
    if len(rates) > 1:
        page.unjudged.add("tax_amount")
        return rate_rows(page)
    if page.layout.has("no_tax_amount"):
        return []
    rate = rates[0]
    key = "tax_of_rate" if page.content.language == "ja" else "tax"
    tax = Row(label=page.w(key, rate=rate.rate_percent), value=page.money("tax_amount", rate.tax), kind="tax")
    if page.content.language != "ja" or page.draw.random() < 0.4:
        return [tax]
    base = rate.gross if page.content.sums.includes_tax else rate.net
    return [Row(label=page.w("net_of_rate", rate=rate.rate_percent), value=_plain(page, base), kind="rate"), tax]


def _single_rate(page: Printout) -> Decimal | None:
    rates = page.content.sums.rates
    return rates[0].rate_percent if len(rates) == 1 else None


def _plain(page: Printout, value: Decimal) -> Markup:
    return Markup.escape(page.money_text(value))
