"""A result as tables for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ocr_client.types import BankAccount, Field, Fields, LineItem, OcrResult


def result_tables(result: OcrResult) -> RenderableType:
    """Document, fields and lines, one below the other."""
    parts: list[RenderableType] = [_headline(result)]
    fields_by_schema = result.get("schemas") or {result["document_type"] or "fields": result["fields"] or {}}
    parts += [fields_table(fields, title=name) for name, fields in fields_by_schema.items() if fields]
    parts.append(lines_table(result))
    parts += [Text(f"warning: {w['code']}: {w['detail']}", style="yellow") for w in result.get("warnings", [])]
    return Group(*parts)


def fields_table(fields: Fields, *, title: str) -> Table:
    """Name, value, text as printed, confidence and page of each field; a field that was not found has a dash."""
    table = Table(title=Text(title), title_justify="left")
    for heading in ("field", "value", "as printed", "confidence", "page"):
        table.add_column(heading, justify="right" if heading in {"confidence", "page"} else "left", overflow="fold")
    for name, answer in fields.items():
        entries = answer if isinstance(answer, list) else [answer]
        for entry in entries or [None]:
            table.add_row(Text(name), *_entry_cells(entry))
    return table


def lines_table(result: OcrResult) -> Table:
    """All lines in reading order."""
    table = Table(title="lines", title_justify="left")
    table.add_column("page", justify="right")
    table.add_column("no", justify="right")
    table.add_column("text", overflow="fold")
    table.add_column("confidence", justify="right")
    for page in result["pages"]:
        if "error" in page:
            table.add_row(str(page["number"]), "", Text(page["error"]["detail"], style="red"), "")
        for number, line in enumerate(page.get("lines", []), start=1):
            table.add_row(str(page["number"]), str(number), Text(line["text"]), f"{line['confidence']:.3f}")
    return table


def _headline(result: OcrResult) -> Text:
    document, total_ms = result["document"], result["timing_ms"].get("total", 0)
    kind = result["document_type"] or "not classified"
    return Text(
        f"{document['file_name'] or 'document'} · {document['media_type']} · {document['page_count']} page(s) · {kind}"
        f" · {total_ms:.0f} ms",
        style="bold",
    )


def _entry_cells(entry: Field | BankAccount | LineItem | None) -> Iterator[Text]:
    if entry is None:
        yield from (Text("–", style="dim"), Text(""), Text(""), Text(""))
        return
    yield Text(_value_text(entry), style="bold green")
    yield Text(entry.get("text", ""))
    yield Text(f"{entry['confidence']:.3f}")
    yield Text(str(entry["page"]))


def _value_text(entry: Field | BankAccount | LineItem) -> str:
    if "description" in entry:
        return _item_text(entry)
    if "number" in entry:
        parts = (entry["bank"], entry["branch"], entry["type"], entry["number"], entry["holder"])
        return " ".join(part for part in parts if part)
    currency = entry.get("currency")
    value = entry["value"]
    return f"{value:,} {currency}" if currency and isinstance(value, int) else f"{value} {currency or ''}".strip()


def _item_text(item: LineItem) -> str:
    """``配線カバー · 20 本 × 480 = 9600 · 10%``, as far as it is known."""
    count = " ".join(str(part) for part in (item["quantity"], item["unit"]) if part is not None)
    price, amount, rate = item["unit_price"], item["amount"], item["tax_rate_percent"]
    product = " × ".join(str(part) for part in (count or None, price) if part is not None)
    sums = " = ".join(str(part) for part in (product or None, amount) if part is not None)
    return " · ".join(part for part in (item["description"], sums, None if rate is None else f"{rate}%") if part)
