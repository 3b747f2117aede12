"""Where exports lie.

::

    exports/documents/tenant=acme/date=2026-11-29/part-0.parquet      one row a document
    exports/fields/tenant=acme/date=2026-11-29/part-0.parquet         one row a value that was read
    exports/corrections/tenant=acme/date=2026-11-29/part-0.parquet    one row a correction
    exports/_state/tenant=acme/date=2026-11-29.json                   what the three were made of

Names and values as Hive has them, so that DuckDB, Athena and BigQuery find tenant and date in the path; what begins
with an underscore they pass over. A day's files hold what was kept on that day, in UTC.
"""

from __future__ import annotations

import re
from enum import StrEnum

from async_worker.object_keys import EXPORTS

_STATE = "_state"
_STATE_KEY = re.compile(rf"{EXPORTS}/{_STATE}/tenant=(?P<tenant>[^/]+)/date=(?P<day>[0-9-]{{10}})\.json")


class DataSet(StrEnum):
    """A table of the export."""

    DOCUMENTS = "documents"
    FIELDS = "fields"
    CORRECTIONS = "corrections"


def part_key(data_set: DataSet, tenant: str, day: str) -> str:
    """The file of a table's partition."""
    return f"{EXPORTS}/{data_set}/tenant={tenant}/date={day}/part-0.parquet"


def state_key(tenant: str, day: str) -> str:
    """What says of which state of a day its files are."""
    return f"{EXPORTS}/{_STATE}/tenant={tenant}/date={day}.json"


def states_prefix(tenant: str | None = None) -> str:
    """Below which these lie, of one tenant or of all."""
    return f"{EXPORTS}/{_STATE}/" if tenant is None else f"{EXPORTS}/{_STATE}/tenant={tenant}/"


def day_of(key: str) -> tuple[str, str] | None:
    """Tenant and day of such a key; null of any other."""
    match = _STATE_KEY.fullmatch(key)
    return None if match is None else (match["tenant"], match["day"])


def exports_of(tenant: str) -> tuple[str, ...]:
    """Below which all that was exported of a tenant lies."""
    return (*(f"{EXPORTS}/{data_set}/tenant={tenant}/" for data_set in DataSet), states_prefix(tenant))
