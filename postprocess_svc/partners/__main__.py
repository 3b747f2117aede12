"""``python -m postprocess_svc.partners load partners.csv``: check a table and put it into the service's store."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ocr_core.settings import PostprocessSettings, SettingsError, load
from postprocess_svc.partners.master import PartnersInvalid, PartnerTable, load_partners, write_partners

_VARIABLE = "OCR_POSTPROCESS_PARTNERS_FILE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it did what it says, 1 where the table is bad, 2 where the call is."""
    parser = argparse.ArgumentParser(prog="python -m postprocess_svc.partners", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong with a table, and change nothing")
    check.add_argument("table", type=Path, help="CSV, UTF-8 or Shift-JIS; only a column for the name is needed")
    loading = commands.add_parser("load", help="check a table and put it into the store; running services take it up")
    loading.add_argument("table", type=Path, help="CSV, UTF-8 or Shift-JIS; only a column for the name is needed")
    loading.add_argument("--store", type=Path, help=f"the store's file; {_VARIABLE} where it is not given")
    options = parser.parse_args(arguments)
    try:
        table = load_partners(options.table)
    except PartnersInvalid as error:
        for problem in error.problems:
            _say(f"{options.table}: {problem}")
        return 1
    if options.command == "check":
        _say(f"{options.table}: {len(table.partners)} partners, nothing wrong")
        return 0
    try:
        settings = load(PostprocessSettings)
    except SettingsError as error:
        _say(str(error))
        return 2
    store = options.store or settings.partners_file
    if store is None:
        _say(f"no store: set {_VARIABLE} or give --store")
        return 2
    try:
        replace_store(store, table)
    except OSError as error:
        _say(f"{store}: cannot be written: {error.strerror}")
        return 2
    _say(f"{store}: {len(table.partners)} partners; running services look every {settings.partners_look_s:g} s")
    return 0


def replace_store(store: Path, table: PartnerTable) -> None:
    """Write the table beside the store and move it into its place: a service reads the old one or the new one whole.

    Raises:
        OSError: the folder cannot be written to.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=store.parent, prefix=f".{store.name}.")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_partners(table))
            file.flush()
            os.fsync(file.fileno())
        written.chmod(0o644)
        written.replace(store)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
