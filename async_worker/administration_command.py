"""``python -m async_worker keys … | tenants …``: the first key, and administration where no API is at hand.

It works on the database itself (``OCR_BULK_DATABASE_URL``): whoever reaches that needs no key. What it does stands in
the audit log like everything else.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NoReturn

from async_worker.preparing import make_database_folder
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.database import SystemClock, upgrade
from ocr_core.contracts.access import (
    MAX_RETENTION_DAYS,
    ApiKey,
    NewKey,
    Scope,
    Tenant,
    TenantPolicy,
    check_webhook_secret,
    digest_of,
    make_key,
)
from ocr_core.contracts.audit import Actor
from ocr_core.contracts.errors import NotReady, OcrError
from ocr_core.settings import BulkSettings, SettingsError, load

FIRST_KEY_NAME = "first key"

_BY = Actor(key_id=None, through="command line")
_FIRST_PATIENCE_S = 60.0
_POLL_S = 0.5
_EXIT_REFUSED = 1
_EXIT_BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h, as the services have it
_BOUNDS = ("requests_per_minute", "concurrent_requests", "open_documents")

Act = Callable[[SqlAccessStore, argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Do what the arguments say; the exit status is 0 where it was done, 1 where it was refused."""
    options = _parser().parse_args(arguments)
    # Who runs a command sees its answer; the lines of the audit log are in the database.
    logging.getLogger().addHandler(logging.NullHandler())
    act: Act = options.act
    try:
        settings = load(BulkSettings)
        url = settings.database_url.get_secret_value()
        make_database_folder(url)
        with SqlAccessStore(url) as store:
            _prepare(store, url, migrate=settings.migrate, patience_s=options.patience_s)
            act(store, options)
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)  # noqa: T201 - a command
        sys.exit(_EXIT_BAD_SETTINGS)
    except OcrError as error:
        print(f"{options.prog}: {error.detail}", file=sys.stderr)  # noqa: T201
        sys.exit(_EXIT_REFUSED)
    sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m async_worker", description="Tenants and their API keys (docs/access.md)."
    )
    rooms = parser.add_subparsers(required=True, metavar="keys|tenants")
    _add_keys(rooms.add_parser("keys", help="make, list and revoke keys").add_subparsers(required=True))
    _add_tenants(rooms.add_parser("tenants", help="make, list, change and delete").add_subparsers(required=True))
    parser.set_defaults(prog=parser.prog)
    return parser


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    create = commands.add_parser("create", help="make a key and print it, once")
    create.add_argument("--tenant", required=True)
    create.add_argument("--name", required=True, help="what it is for")
    create.add_argument("--scopes", type=_scopes, required=True, help=f"with commas: {', '.join(Scope)}")
    create.add_argument("--expires-days", type=_days, metavar="DAYS", help="default: never")
    create.set_defaults(act=_create_key, patience_s=0.0)
    first = commands.add_parser(
        "first", help="make a key for everything where there is none at all, and print it, once"
    )
    first.set_defaults(act=_create_first_key, patience_s=_FIRST_PATIENCE_S)
    listing = commands.add_parser("list", help="all keys, one line of JSON each, without their secrets")
    listing.add_argument("--tenant")
    listing.set_defaults(act=_list_keys, patience_s=0.0)
    revoke = commands.add_parser("revoke", help="end a key")
    revoke.add_argument("key_id", metavar="ID")
    revoke.set_defaults(act=_revoke_key, patience_s=0.0)


def _add_tenants(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, act, told in (
        ("create", _create_tenant, "make a tenant"),
        ("change", _change_tenant, "change what a tenant may have; what is left out stays"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("name")
        for bound in _BOUNDS:
            command.add_argument(f"--{bound.replace('_', '-')}", type=_bound, metavar="N|none")
        command.add_argument("--retention-days", type=float, metavar="DAYS")
        command.add_argument("--source-prefixes", metavar="PREFIXES", help="bucket/prefix entries, with commas")
        command.add_argument(
            "--webhook-secret-from", metavar="VARIABLE", help="the environment variable that holds it; it is not shown"
        )
        command.set_defaults(act=act, patience_s=0.0)
    commands.add_parser("list", help="all tenants, one line of JSON each").set_defaults(
        act=_list_tenants, patience_s=0.0
    )
    delete = commands.add_parser("delete", help="delete a tenant with all that it has; the dispatcher carries it out")
    delete.add_argument("name")
    delete.add_argument("--yes", action="store_true", required=True, help="there is no way back")
    delete.set_defaults(act=_delete_tenant, patience_s=0.0)


def _prepare(store: SqlAccessStore, url: str, *, migrate: bool, patience_s: float) -> None:
    """Make sure that the tables are there; the database may still be starting.

    Raises:
        NotReady: they are not, after the time that there is.
    """
    give_up_s = time.monotonic() + patience_s
    while True:
        try:
            try:
                store.check()
            except NotReady:
                if not migrate:
                    raise
                upgrade(url)
                store.check()
        except NotReady:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _create_key(store: SqlAccessStore, options: argparse.Namespace) -> None:
    days = options.expires_days
    expires_at = None if days is None else SystemClock().now() + timedelta(days=days)
    key, key_id = make_key()
    new_key = NewKey(
        id=key_id,
        tenant=options.tenant,
        name=options.name,
        scopes=options.scopes,
        digest=digest_of(key),
        expires_at=expires_at,
    )
    store.create_key(new_key, by=_BY)
    _say(key)


def _create_first_key(store: SqlAccessStore, _options: argparse.Namespace) -> None:
    key, key_id = make_key()
    tenant = load(BulkSettings).tenant
    new_key = NewKey(id=key_id, tenant=tenant, name=FIRST_KEY_NAME, scopes=frozenset(Scope), digest=digest_of(key))
    if store.create_first_key(new_key) is not None:
        print(  # noqa: T201
            f"The first API key, of the tenant '{tenant}', good for everything. It is shown this once:", file=sys.stderr
        )
        _say(key)


def _list_keys(store: SqlAccessStore, options: argparse.Namespace) -> None:
    for key in store.list_keys(options.tenant):
        _say(json.dumps(_key_values(key), ensure_ascii=False))


def _revoke_key(store: SqlAccessStore, options: argparse.Namespace) -> None:
    _say(json.dumps(_key_values(store.revoke_key(options.key_id, by=_BY)), ensure_ascii=False))


def _create_tenant(store: SqlAccessStore, options: argparse.Namespace) -> None:
    _say_tenant(store.create_tenant(options.name, _policy(TenantPolicy(), options), by=_BY))


def _change_tenant(store: SqlAccessStore, options: argparse.Namespace) -> None:
    before = store.get_tenant(options.name).policy
    _say_tenant(store.change_tenant(options.name, _policy(before, options), by=_BY))


def _list_tenants(store: SqlAccessStore, _options: argparse.Namespace) -> None:
    after = ""
    while found := store.list_tenants(after=after):
        for tenant in found:
            _say_tenant(tenant)
        after = found[-1].name


def _delete_tenant(store: SqlAccessStore, options: argparse.Namespace) -> None:
    _say_tenant(store.begin_deletion(options.name, by=_BY))


def _policy(before: TenantPolicy, options: argparse.Namespace) -> TenantPolicy:
    """The policy with what the options say."""
    values: dict[str, object] = {bound: getattr(before, bound) for bound in _BOUNDS}
    values |= {bound: given or None for bound in _BOUNDS if (given := getattr(options, bound)) is not None}
    retention_days, prefixes = options.retention_days, options.source_prefixes
    secret = before.webhook_secret
    if options.webhook_secret_from is not None:
        secret = os.environ.get(options.webhook_secret_from, "")
        check_webhook_secret(secret)
    return TenantPolicy(
        requests_per_minute=_count(values["requests_per_minute"]),
        concurrent_requests=_count(values["concurrent_requests"]),
        open_documents=_count(values["open_documents"]),
        retention_days=before.retention_days if retention_days is None else retention_days,
        source_prefixes=before.source_prefixes
        if prefixes is None
        else tuple(part.strip() for part in prefixes.split(",") if part.strip()),
        webhook_secret=secret,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _bound(text: str) -> int:
    """A count; 0 stands for none."""
    if text == "none":
        return 0
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError("a number from 1 on, or none")
    return int(text)


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= MAX_RETENTION_DAYS:
        raise argparse.ArgumentTypeError(f"above 0, {MAX_RETENTION_DAYS:g} at most")
    return days


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(word.strip()) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"with commas: {', '.join(Scope)}") from None


def _key_values(key: ApiKey) -> Mapping[str, object]:
    moments = (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
    created_at, expires_at, revoked_at, last_used_at = (each.isoformat() if each else None for each in moments)
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": created_at,
        "expires_at": expires_at,
        "revoked_at": revoked_at,
        "last_used_at": last_used_at,
    }


def _say_tenant(tenant: Tenant) -> None:
    policy = tenant.policy
    values = {
        "name": tenant.name,
        **{bound: getattr(policy, bound) for bound in _BOUNDS},
        "retention_days": policy.retention_days,
        "source_prefixes": policy.source_prefixes,
        "has_webhook_secret": policy.webhook_secret is not None,
        "created_at": tenant.created_at.isoformat(),
        "deleted_at": None if tenant.deleted_at is None else tenant.deleted_at.isoformat(),
    }
    _say(json.dumps(values, ensure_ascii=False))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command
