"""``python -m async_worker export``: stored documents and their corrections as Parquet (docs/data-dictionary.md).

To be run by a scheduler, once a day or so; two at once do the work twice and no harm.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import NoReturn

from async_worker.blocking import Blocking
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.jobs import TENANT_PATTERN
from ocr_core.settings import BulkSettings, LogSettings, ObjectStoreSettings, SettingsError, StorageSettings, load
from ocr_core.telemetry import configure_logging

_STORE_THREADS = 2
_EXIT_REFUSED = 1
_EXIT_NOT_INSTALLED = 69  # EX_UNAVAILABLE of sysexits.h
_EXIT_BAD_SETTINGS = 78  # EX_CONFIG


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Export, and print what was done as a line of JSON; the exit status is 0 where all is written."""
    options = _parser().parse_args(arguments)
    try:
        configure_logging("bulk-export", load(LogSettings))
        print(json.dumps(asyncio.run(_export(options))))  # noqa: T201 - a command
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(_EXIT_BAD_SETTINGS)
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("pyarrow"):
            raise
        print("the export needs pyarrow: pip install 'yomitori[export]'", file=sys.stderr)  # noqa: T201
        sys.exit(_EXIT_NOT_INSTALLED)
    except OcrError as error:
        print(f"export: {error.detail}", file=sys.stderr)  # noqa: T201
        sys.exit(_EXIT_REFUSED)
    sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m async_worker export", description="Stored documents and their corrections as Parquet."
    )
    parser.add_argument("--tenant", type=_tenant, help="whose alone; default: everybody's")
    parser.add_argument("--anew", action="store_true", help="write all days, not only those that have changed")
    return parser


async def _export(options: argparse.Namespace) -> dict[str, int]:
    from async_worker.exports.exporter import Exporter  # noqa: PLC0415 - services run without pyarrow

    async with AsyncExitStack() as stack:
        blocking = stack.enter_context(Blocking(threads=_STORE_THREADS))
        url = load(BulkSettings).database_url.get_secret_value()
        documents = stack.enter_context(SqlDocumentStore(url, pool_size=_STORE_THREADS))
        objects = S3ObjectStore(load(ObjectStoreSettings), load(StorageSettings))
        await objects.start()
        stack.push_async_callback(objects.close)
        exporter = Exporter(documents=documents, objects=objects, blocking=blocking)
        return asdict(await exporter.run(tenant=options.tenant, anew=options.anew))


def _tenant(text: str) -> str:
    if not re.fullmatch(TENANT_PATTERN, text):
        raise argparse.ArgumentTypeError("is not a tenant's name")
    return text
