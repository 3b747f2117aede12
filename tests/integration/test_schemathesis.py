"""Both public APIs against their own OpenAPI documents, by schemathesis: real services, keys off and on.

Its findings are mended in the API or in the document; what it lets pass stands in schemathesis.toml, with the reason,
and what that would let pass too much of in schemathesis_checks.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_stack.aws import AwsServer
from local_stack.plan import REPOSITORY_ROOT
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.access import TenantPolicy
from ocr_core.settings import AccessSettings
from tests.support.access import TEST, add_key, add_tenant
from tests.support.bulk_api import WEBHOOKS, ApiHouse, open_api_house
from tests.support.databases import ready_sqlite
from tests.support.job_stores import RULES
from tests.support.sync_house import SyncHouse

pytestmark = pytest.mark.timeout(420)

CONFIGURATION = REPOSITORY_ROOT / "tests" / "contract" / "schemathesis.toml"
CHECKS = CONFIGURATION.with_name("schemathesis_checks.py")
EXAMPLES = 5
"""Requests that are drawn for each operation, besides those that walk every parameter's edges."""
COMMAND = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "--no-color")


def hold(url: str, folder: Path, *, key: str | None = None) -> None:
    """Have the API at ``url`` looked through; what is found fails the test."""
    header = ("--header", f"Authorization: Bearer {key}") if key else ()
    done = subprocess.run(
        [*COMMAND, "run", f"{url}/openapi.json", "--max-examples", str(EXAMPLES), *header],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(CHECKS)},
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "No issues found" in done.stdout


@pytest.fixture(params=[False, True], ids=["keys off", "keys on"])
def keys(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_the_sync_api(tmp_path: Path, keys: bool) -> None:
    url = ready_sqlite(tmp_path / "jobs.sqlite3")
    settings = {"OCR_ACCESS_KEYS": str(keys).lower(), "OCR_BULK_DATABASE_URL": url}
    with SqlAccessStore(url) as accounts, SyncHouse(folder=tmp_path, page_s=0.0, settings=settings) as house:
        add_tenant(accounts, "acme")
        hold(house.url, tmp_path, key=add_key(accounts, "acme") if keys else None)


def test_the_bulk_api(tmp_path: Path, aws_server: AwsServer, keys: bool) -> None:
    with (
        SqlJobStore(ready_sqlite(tmp_path / "jobs.sqlite3"), rules=RULES) as store,
        open_api_house(store, aws_server) as house,
        working(house),
    ):
        # The documents' own example is a source that may be read, so that what is wrong beside it is what is refused.
        policy = TenantPolicy(source_prefixes=("bucket",))
        house.accounts.create_tenant("acme", policy, by=TEST)
        add_tenant(house.accounts, "globex")
        served = house.serve(webhooks=WEBHOOKS, access=AccessSettings().model_copy(update={"keys": keys}))
        key = add_key(house.accounts, "acme")
        hold(served.url, tmp_path, key=key if keys else None)
        # The key has outlived what was done with it: else it was what all was refused for.
        known = house.accounts.find_key(key.split("_")[1])
        assert known is not None
        assert known.key.revoked_at is None
        assert known.policy == policy


@contextmanager
def working(house: ApiHouse) -> Iterator[None]:
    """Jobs end, so that who follows one hears its end."""
    enough = threading.Event()

    def work() -> None:
        while not enough.wait(0.2):
            house.finish(10)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
