"""``ocr schemas``: which fields can be asked for."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ocr_client.client import OcrClient
from ocr_client.console import print_error, reason
from ocr_client.document_calls import DEFAULT_URL
from ocr_client.errors import OcrClientError, ServerUnreachable
from ocr_client.exit_status import ExitStatus
from ocr_client.types import Schema


def run(arguments: Sequence[str]) -> ExitStatus:
    """List the server's schemas: a table on a terminal, otherwise JSON."""
    parser = argparse.ArgumentParser(prog="ocr schemas", description="List the schemas that --schema may name.")
    parser.add_argument(
        "--url",
        default=os.environ.get("OCR_URL") or DEFAULT_URL,
        help=f"the server (default: $OCR_URL, or {DEFAULT_URL})",
    )
    options = parser.parse_args(arguments)
    try:
        client = OcrClient(options.url)
    except ValueError as error:
        parser.error(f"--url: {error}")
    with client:
        try:
            schemas = client.schemas()
        except OcrClientError as error:
            print_error(reason(error))
            return ExitStatus.SERVER_UNREACHABLE if isinstance(error, ServerUnreachable) else ExitStatus.REFUSED
    if sys.stdout.isatty():
        Console().print(_table(schemas))
    else:
        print(json.dumps(schemas, ensure_ascii=False))
    return ExitStatus.ALL_READ


def _table(schemas: Sequence[Schema]) -> Table:
    table = Table()
    for heading in ("schema", "title", "reads as", "fields (* required)"):
        table.add_column(heading, overflow="fold")
    for schema in schemas:
        fields = [name + "*" * field["required"] for name, field in schema["fields"].items()]
        table.add_row(
            Text(schema["name"]), Text(schema["title"]), schema["document_type"] or "–", Text(", ".join(fields))
        )
    return table
