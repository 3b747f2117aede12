"""A local stack's page finds the bulk API, and the bulk API lets it call."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_stack.plan import BulkPlan, StackPlan, _bulk, _preprocess
from local_stack.ports import Ports


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCR_PAGE_BULK_URL", raising=False)
    monkeypatch.delenv("OCR_BULK_CORS_ORIGINS", raising=False)


def plan(folder: Path, **environment: str) -> StackPlan:
    bulk = BulkPlan(data_dir=folder)
    return StackPlan(ports=Ports.free(bulk_vitals=bulk.vitals), bulk=bulk, environment=environment)


def origins(of: StackPlan) -> list[str]:
    assert of.bulk is not None
    (api,) = (spec for spec in _bulk(of, of.bulk) if spec.name == "bulk-api")
    return api.environment["OCR_BULK_CORS_ORIGINS"].split(",")


def test_both_sides_know_each_other_on_whatever_ports(tmp_path: Path) -> None:
    stack = plan(tmp_path)
    assert _preprocess(stack).environment["OCR_PAGE_BULK_URL"] == stack.bulk_url
    # To a browser the two names of this machine are two origins.
    assert origins(stack) == [stack.api_url, stack.api_url.replace("127.0.0.1", "localhost")]


def test_what_the_user_says_stays(tmp_path: Path) -> None:
    said = {"OCR_PAGE_BULK_URL": "https://bulk.example.com", "OCR_BULK_CORS_ORIGINS": "https://page.example.com"}
    stack = plan(tmp_path, **said)
    assert _preprocess(stack).environment["OCR_PAGE_BULK_URL"] == "https://bulk.example.com"
    assert origins(stack)[0] == "https://page.example.com"
    assert stack.api_url in origins(stack)
