"""What schemathesis.toml cannot say: loaded by schemathesis beside it, in its own process.

A check's settings hold for a whole operation, and ``POST /v1/jobs`` takes forms as well as JSON: what is let pass for
the sake of forms there is not to pass as JSON. And an administrator's key may be used to end itself: then all that
comes after is refused for the key alone, and nothing is found any more.
"""

from __future__ import annotations

import itertools
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection

OPERATION = "POST /v1/jobs"
FORM = "multipart/form-data"
ACCEPTED = 202
CALLER, ANOTHER = "acme", "globex"
"""The tenant whose key is used, and the one whom changes of tenants and keys meet in its place."""

_numbers = itertools.count(1)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Keep a request from being refused for what is beside it.

    A key that is drawn differs from the one that is given, and two that differ are none. Names of tenants are learnt
    from answers, so the caller's own would be deleted like any other. And the same idempotency key is drawn with many
    bodies, where the first alone is looked at.
    """
    del context, kwargs
    if "Authorization" in case.headers:
        case.headers.pop("X-API-Key", None)
    if case.method != "GET" and case.path_parameters.get("tenant") == CALLER:
        case.path_parameters["tenant"] = ANOTHER
    has_drawn_wrong = case.meta is not None and any(
        place.value == "header" and part.mode.is_negative for place, part in case.meta.components.items()
    )
    if case.operation.label == OPERATION and case.media_type != FORM and not has_drawn_wrong:
        case.headers["Idempotency-Key"] = f"case-{next(_numbers)}"


@schemathesis.check
def negative_data_rejection_but_of_forms(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """schemathesis' own check, which is off for this operation, of all but forms that were taken for jobs.

    To a form every part is bytes, so that what is "no file" is one all the same.
    """
    is_taken_form = case.media_type == FORM and response.status_code == ACCEPTED
    if case.operation.label == OPERATION and not is_taken_form:
        negative_data_rejection(ctx, response, case)
