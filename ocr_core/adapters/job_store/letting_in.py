"""Whether a tenant may have more work: it is not being deleted, and has room in its quota."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.access_store.tables import tenants
from ocr_core.adapters.job_store.tables import jobs
from ocr_core.contracts.errors import Forbidden, QuotaExceeded

RETRY_AFTER_S = 30.0
"""Documents end by the second, but a job that does not fit waits for many of them."""


def let_in(connection: Connection, tenant: str, *, count: int, most: int | None) -> None:
    """Let so many documents pass, inside the transaction that makes their work.

    The tenant's row is locked: of two jobs that fit one by one but not together, the second is refused; and a deletion
    that begins meanwhile waits, and then finds the job. Where keys are off there is no such row, and no quota.

    Raises:
        Forbidden: the tenant is being deleted.
        QuotaExceeded: it would have more than ``most`` documents open.
    """
    row = sa.select(tenants.c.deleted_at).where(tenants.c.name == tenant)
    # Without a quota several jobs of one tenant may be made side by side.
    locked = connection.execute(row.with_for_update(read=most is None)).one_or_none()
    if locked is not None and locked.deleted_at is not None:
        raise Forbidden("the tenant is being deleted")
    if most is None or count == 0:
        return
    mine = sa.and_(jobs.c.tenant == tenant, jobs.c.finished_at.is_(None))
    has = int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(jobs.c.queued), 0)).where(mine)).scalar_one())
    if has + count > most:
        raise QuotaExceeded(
            f"{has} documents of this tenant have not ended, and {count} more would exceed its quota of {most} "
            "(open_documents)",
            retry_after_s=RETRY_AFTER_S,
        )
