"""What tenants may have, for those who work on their documents: there no key is at hand, only the tenant's name."""

from __future__ import annotations

import time
from collections.abc import Callable

from async_worker.blocking import Blocking
from ocr_core.contracts.access import HouseTenant, TenantPolicy
from ocr_core.contracts.access_store import Accounts
from preprocess_svc.sources import AllowList

CACHE_S = 5.0
_MOST = 10_000


class TenantPolicies:
    """Looks policies up and remembers them for a few seconds. Used from one event loop only."""

    def __init__(
        self,
        *,
        house: HouseTenant,
        accounts: Accounts | None = None,
        blocking: Blocking | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store where they are.

        Args:
            house: To whom belongs what the operator's own settings say.
            accounts: Where the others' are; null where keys are off, and the settings hold for everyone.
            blocking: Threads for it.
            monotonic_s: The time.
        """
        self._house = house
        self._accounts = accounts
        self._blocking = blocking
        self._monotonic_s = monotonic_s
        self._known: dict[str, tuple[float, TenantPolicy]] = {}

    async def of(self, tenant: str) -> TenantPolicy:
        """A tenant's policy; one that is being deleted, or was never made, may have nothing.

        Raises:
            NotReady: the database does not answer.
        """
        if self._accounts is None or self._blocking is None:
            return self._house.policy
        now_s = self._monotonic_s()
        known = self._known.get(tenant)
        if known is not None and now_s - known[0] < CACHE_S:
            return known[1]
        found = await self._blocking.run(self._accounts.policy_of, tenant)
        policy = self._house.complete(tenant, found if found is not None else TenantPolicy())
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[tenant] = (now_s, policy)
        return policy

    async def allow_list(self, tenant: str) -> AllowList:
        """Which sources its documents may come from.

        Raises:
            NotReady: as for ``of``.
        """
        return AllowList((await self.of(tenant)).source_prefixes)
