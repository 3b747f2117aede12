"""Whose a request is: the one place that knows."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """Everything that comes by one API process belongs to one tenant, until requests carry keys."""

    tenant: str

    def of(self, _request: Request) -> str:
        """The tenant that the request speaks for; never taken from its body."""
        return self.tenant
