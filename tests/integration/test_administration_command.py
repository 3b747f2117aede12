"""``python -m async_worker keys … | tenants …``, as an operator runs it; the first key as ``make up`` makes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_stack.first_key import make_first_key
from local_stack.plan import REPOSITORY_ROOT, service_specs
from local_stack.service import Service
from local_stack.stack import LocalStack
from local_stack.watcher import Watcher
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.contracts.access import Scope, digest_of, key_id_of
from ocr_core.contracts.audit import AuditAction


class Command:
    """Runs the command over one empty database, which it makes itself."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'new' / 'jobs.sqlite3'}"

    def __call__(self, *arguments: str, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
        done = subprocess.run(
            [sys.executable, "-m", "async_worker", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY_ROOT,
            env={**environment, "OCR_BULK_DATABASE_URL": self.url, **variables},
        )
        assert done.returncode == status, done.stderr
        return done

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments).stdout.splitlines()]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_a_tenant_and_its_keys_from_beginning_to_end(command: Command) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of this test
    made = command(
        *("tenants", "create", "acme", "--requests-per-minute", "60", "--source-prefixes", "inbox/acme, archive"),
        *("--webhook-secret-from", "ACMES_SECRET"),
        ACMES_SECRET=secret,
    )
    assert secret not in made.stdout + made.stderr
    (tenant,) = command.lines("tenants", "list")
    assert tenant["source_prefixes"] == ["inbox/acme", "archive"]
    assert (tenant["requests_per_minute"], tenant["has_webhook_secret"]) == (60, True)
    changed = command("tenants", "change", "acme", "--requests-per-minute", "none", "--retention-days", "7")
    assert json.loads(changed.stdout)["requests_per_minute"] is None
    assert json.loads(changed.stdout)["source_prefixes"] == ["inbox/acme", "archive"]

    key = command(
        *("keys", "create", "--tenant", "acme", "--name", "ERP", "--scopes", "sync,bulk", "--expires-days", "90")
    ).stdout.strip()
    (listed,) = command.lines("keys", "list", "--tenant", "acme")
    assert listed["id"] == key_id_of(key)
    assert (listed["scopes"], listed["revoked_at"]) == (["bulk", "sync"], None)
    command("keys", "revoke", listed["id"])
    assert command.lines("keys", "list")[0]["revoked_at"] is not None

    assert json.loads(command("tenants", "delete", "acme", "--yes").stdout)["deleted_at"] is not None
    with SqlAccessStore(command.url) as store:
        assert {event.actor.through for event in store.audit()} == {"command line"}
        assert store.audit()[0].action is AuditAction.TENANT_DELETION


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("keys", "create", "--tenant", "nobody", "--name", "n", "--scopes", "sync"), 1, "there is no such tenant"),
        (("keys", "create", "--tenant", "acme", "--name", "n", "--scopes", "root"), 2, "sync, bulk, admin"),
        (
            ("keys", "create", "--tenant", "a", "--name", "n", "--scopes", "sync", "--expires-days", "nan"),
            2,
            "above 0",
        ),
        (("keys", "revoke", "0000000000000000"), 1, "there is no such key"),
        (("tenants", "create", "../x"), 1, "is not a tenant's name"),
        (("tenants", "create", "acme", "--open-documents", "0"), 2, "a number from 1 on"),
        (("tenants", "create", "acme", "--webhook-secret-from", "NOTHING"), 1, "webhook_secret"),
        (("tenants", "delete", "acme"), 2, "--yes"),
        (("keys",), 2, "required"),
    ],
)
def test_what_is_off_is_told(command: Command, arguments: tuple[str, ...], status: int, told: str) -> None:
    assert told in command(*arguments, status=status).stderr


def test_settings_that_are_off_end_it(command: Command) -> None:
    assert "OCR_BULK_PORT" in command("keys", "list", status=78, OCR_BULK_PORT="http").stderr


def test_the_first_key_is_made_and_shown_once(tmp_path: Path) -> None:
    stack = LocalStack(bulk=True, data_dir=tmp_path, environment={"OCR_BULK_TENANT": "house"})
    (spec,) = [spec for spec in service_specs(stack.plan) if spec.name == "bulk-api"]
    stack.services["bulk-api"] = Service(spec=spec, watcher=Watcher(), sink=lambda *_: None)
    key = make_first_key(stack)
    assert key is not None
    assert make_first_key(stack) is None
    with SqlAccessStore(f"sqlite:///{tmp_path.resolve() / 'bulk' / 'jobs.sqlite3'}") as store:
        known = store.find_key(key_id_of(key) or "")
    assert known is not None
    assert (known.digest, known.key.tenant, known.key.scopes) == (digest_of(key), "house", frozenset(Scope))
