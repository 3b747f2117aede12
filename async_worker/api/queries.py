"""Query parameters and path parts, checked."""

from __future__ import annotations

import re

from starlette.requests import Request

from async_worker.api.job_options import echo
from ocr_core.contracts.errors import InvalidRequest, NotFound

_JOB_ID = re.compile(r"job_[0-9a-f]{32}")
_CURSOR = re.compile(r"[0-9]{1,18}")
_SWITCH = {"true": True, "false": False}


def check_query(request: Request, *known: str) -> None:
    """Refuse what is not known: were it ignored, a misspelt parameter would silently do something else.

    Raises:
        InvalidRequest: naming it.
    """
    for name, _ in request.query_params.multi_items():
        if name not in known:
            told = f"known are {', '.join(known)}" if known else "none is known here"
            raise InvalidRequest(f"parameter '{echo(name)}' is not known; {told}")
        if len(request.query_params.getlist(name)) > 1:
            raise InvalidRequest(f"parameter '{name}' comes more than once")


def job_id_of(request: Request) -> str:
    """The job id in the path.

    Raises:
        NotFound: no job has such an id.
    """
    untrusted_id = request.path_params["job_id"]
    if not _JOB_ID.fullmatch(untrusted_id):
        raise NotFound("there is no such job")
    return str(untrusted_id)


def cursor_of(request: Request, *, last_sequence: int) -> int:
    """The number of the last line that the caller has; 0 for none.

    Raises:
        InvalidRequest: it is no such number, or none that the job has reached.
    """
    untrusted_cursor = request.query_params.get("cursor", "0") or "0"
    if not _CURSOR.fullmatch(untrusted_cursor) or int(untrusted_cursor) > last_sequence:
        raise InvalidRequest("parameter 'cursor': the sequence of a line of this job, or 0")
    return int(untrusted_cursor)


def switch_of(request: Request, name: str) -> bool:
    """A parameter that is ``true`` or ``false``, the latter where it is absent.

    Raises:
        InvalidRequest: it is neither.
    """
    untrusted_value = request.query_params.get(name, "false")
    if untrusted_value not in _SWITCH:
        raise InvalidRequest(f"parameter '{name}': true or false")
    return _SWITCH[untrusted_value]
