"""Houses of the bulk road: one that tests share and leave whole, and others for those that break more."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.bulk_house import BulkHouse
from tests.support.faults_proxy import Faults
from tests.support.postgres import fresh_database

SEED_VARIABLE = "OCR_FAULT_SEED"
DEFAULT_SEED = 20_261_121
MAX_ATTEMPTS = 3
"""Of the shared house."""

SHARED_PROCESSES = {
    "front": ("api", "dispatcher", "intake", "webhooks", "structure"),
    "read-1": ("read",),
    "read-2": ("read",),
}
"""Of the shared house: processes take most of its time to start, and only readers die there."""

HouseMaker = Callable[..., BulkHouse]


@pytest.fixture(scope="session")
def fault_seed() -> int:
    """What all randomness here is made of; another one by the environment."""
    return int(os.environ.get(SEED_VARIABLE, DEFAULT_SEED))


@pytest.fixture
def dice(fault_seed: int, request: pytest.FixtureRequest) -> random.Random:
    """The test's own generator; its seed is shown where the test fails."""
    print(f"{SEED_VARIABLE}={fault_seed}")  # noqa: T201
    return random.Random(f"{fault_seed}/{request.node.name}")  # noqa: S311


@pytest.fixture
def make_house(tmp_path: Path, fault_seed: int) -> Iterator[HouseMaker]:
    """Makes a house of the test's own, by ``BulkHouse``'s fields."""
    with ExitStack() as stack:

        def make(**fields: Any) -> BulkHouse:
            return stack.enter_context(BulkHouse(folder=tmp_path / "house", seed=fault_seed, **fields))

        yield make


@pytest.fixture
def fault_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """``BulkHouse.database_url``: nothing for "sqlite", a fresh database for "postgresql"; by a test's parameter."""
    if request.param == "sqlite":
        yield ""
    else:
        with fresh_database(request.getfixturevalue("postgres_url"), "faults") as url:
            yield url


@pytest.fixture(scope="session")
def _shared_house(tmp_path_factory: pytest.TempPathFactory, fault_seed: int) -> Iterator[BulkHouse]:
    settings = {"OCR_BULK_MAX_ATTEMPTS": str(MAX_ATTEMPTS), "OCR_BULK_RANGE_PAGES": "5"}
    with BulkHouse(
        folder=tmp_path_factory.mktemp("house"), seed=fault_seed, settings=settings, processes=SHARED_PROCESSES
    ) as house:
        yield house


@pytest.fixture
def house(_shared_house: BulkHouse) -> Iterator[BulkHouse]:
    """The shared house, whole: every process runs, nothing is in the way."""
    _shared_house.make_whole()
    yield _shared_house
    _shared_house.break_network(Faults())
    _shared_house.queue_proxy.watch = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes take their time to start, more so where others work."""
    for item in items:
        if "tests/faults/" in item.nodeid and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))
