"""``Idempotency-Key``: two requests with the same one are one."""

from __future__ import annotations

import re

from starlette.requests import Request

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import MAX_KEY_CHARACTERS

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
ROUTE = "POST /v1/jobs"
"""Within which keys are unique, beside the tenant."""

_KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_CHARACTERS}}}")


def key_of(request: Request) -> str | None:
    """The request's key, where it has one.

    Raises:
        InvalidRequest: it is empty, too long, of other than printable ASCII characters, or there are several.
    """
    keys = request.headers.getlist(HEADER)
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise InvalidRequest(
            f"{HEADER}: one key of 1 to {MAX_KEY_CHARACTERS} printable ASCII characters, without spaces"
        )
    return keys[0]
