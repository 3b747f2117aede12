"""Bank accounts as a document prints them: a row a part, or a line."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evaluation.generator.content import Account
from evaluation.generator.forms import half_width
from evaluation.generator.printout import Printout, Row

TYPE_FORMS = {
    "ordinary": ("普通", "普通", "普通預金", "普", "（普）"),
    "checking": ("当座", "当座預金", "（当）"),
    "savings": ("貯蓄", "貯蓄預金"),
}
SYMBOL_LENGTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBlock:
    """One account: its parts as rows, by kind, and as the pieces of a line."""

    rows: tuple[Row, ...]

    def value(self, kind: str) -> Markup:
        """A part's value; empty where the account has none."""
        return next((row.value for row in self.rows if row.kind == kind), Markup(""))

    def without(self, *kinds: str) -> tuple[Row, ...]:
        """The rows but for some kinds."""
        return tuple(row for row in self.rows if row.kind not in kinds)


def account_blocks(page: Printout) -> list[AccountBlock]:
    """Every account that the document prints."""
    if not page.shows("bank_accounts"):
        return []
    is_half_width = page.draw.random() < 0.3
    with_codes = page.draw.random() < 0.2
    holder_is_shown = page.draw.random() < 0.9
    return [
        AccountBlock(
            rows=tuple(
                row
                for row in _rows(page, index, account, is_half_width=is_half_width, with_codes=with_codes)
                if row.kind != "holder" or holder_is_shown
            )
        )
        for index, account in enumerate(page.content.accounts)
    ]


def _rows(page: Printout, index: int, account: Account, *, is_half_width: bool, with_codes: bool) -> list[Row]:
    path = f"bank_accounts.{index}."
    if account.kind in {"iban", "local"}:
        return _latin_rows(page, path, account)
    holder_text = half_width(account.holder) if is_half_width else account.holder
    holder = Row(label=page.w("account_holder"), value=page.mark(path + "holder", holder_text), kind="holder")
    if account.kind == "transfer":
        marked = Markup("{} {}").format(page.w("transfer_account"), page.mark(path + "number", account.number))
        return [Row(label="", value=marked, kind="number"), holder]
    bank = Row(label=page.w("bank"), value=page.mark(path + "bank", account.bank), kind="bank")
    if account.kind == "postal":
        symbol, number = account.number[:SYMBOL_LENGTH], account.number[SYMBOL_LENGTH + 1 :]
        marks = Markup("{} {} {} {}").format(
            page.w("postal_symbol"),
            page.mark(path + "number", symbol),
            page.w("postal_number"),
            page.mark(path + "number", number),
        )
        return [bank, Row(label="", value=marks, kind="number"), holder]
    if with_codes:
        bank = Row(label=bank.label, value=Markup("{}（{}）").format(bank.value, account.bank_code), kind="bank")
    branch = page.mark(path + "branch", account.branch)
    if with_codes:
        branch = Markup("{}（{}）").format(branch, account.branch_code)
    boxed = page.layout.has("boxed_digits")
    kind = page.mark(path + "type", str(page.draw.choice(TYPE_FORMS[account.account_type])))
    number = page.mark(path + "number", account.number, markup=_in_boxes(account.number) if boxed else None)
    return [
        bank,
        Row(label=page.w("branch"), value=branch, kind="branch"),
        Row(label=page.w("account_type"), value=kind, kind="type"),
        Row(label=page.w("account_number"), value=number, kind="number"),
        holder,
    ]


def _in_boxes(number: str) -> str:
    """Each digit in a box of its own, as transfer forms have them."""
    return "".join(f'<span class="digit">{digit}</span>' for digit in number)


def _latin_rows(page: Printout, path: str, account: Account) -> list[Row]:
    rows = []
    if account.bank:
        rows.append(Row(label=page.w("bank"), value=page.mark(path + "bank", account.bank), kind="bank"))
    key = "iban" if account.kind == "iban" else "account_number"
    grouped = " ".join(account.number[start : start + 4] for start in range(0, len(account.number), 4))
    text = grouped if account.kind == "iban" and page.draw.random() < 0.7 else account.number
    rows.append(Row(label=page.w(key), value=page.mark(path + "number", text), kind="number"))
    if account.branch_code:
        code_key = "bic" if account.kind == "iban" else "sort_code"
        rows.append(Row(label=page.w(code_key), value=Markup.escape(account.branch_code), kind="code"))
    holder = page.mark(path + "holder", account.holder)
    rows.insert(page.draw.choice((0, len(rows))), Row(label=page.w("account_holder"), value=holder, kind="holder"))
    return rows
