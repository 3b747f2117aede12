"""What every test may use: the labelled data where it is there, and one running stack for the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_stack.stack import REPOSITORY_ROOT, LocalStack
from tests.support.aws import aws_server  # noqa: F401 - a fixture
from tests.support.bulk_api import api_house, refusing_api, refusing_house  # noqa: F401 - fixtures
from tests.support.databases import postgres_url  # noqa: F401 - a fixture
from tests.support.job_stores import (  # noqa: F401 - fixtures
    empty_job_database,
    job_clock,
    job_database,
    job_database_server,
    job_store,
)
from tests.support.object_store import ObjectStore
from tests.support.scheduling import STACK, FileScheduling, check_group, group_of
from tests.support.stored_documents import document_store  # noqa: F401 - a fixture

SHARED_DATA_VARIABLE = "OCR_SHARED_DATA"
ALLOWED_SOURCES = "documents/inbox,archive"
"""What the running stack may read from the tests' object store."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The labelled documents beside the repository."""
    folder = Path(os.environ.get(SHARED_DATA_VARIABLE, REPOSITORY_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no labelled data at {folder}; {SHARED_DATA_VARIABLE} names another folder")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The documents that the project itself carries."""
    return REPOSITORY_ROOT / "evaluation" / "samples"


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """A store that speaks as much of S3 as is read here, over a real socket."""
    with ObjectStore() as store:
        yield store


@pytest.fixture(scope="session")
def running_stack(object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Real Triton, real models, both services, the bulk road, on free ports; started when the first test asks for it.

    A test that stops one of the services starts it again before it ends.
    """
    sources = {
        "OCR_STORAGE_ALLOW": ALLOWED_SOURCES,
        "OCR_STORAGE_ENDPOINT_URL": object_store.url,
        "OCR_STORAGE_ACCESS_KEY_ID": "test",
        "OCR_STORAGE_SECRET_ACCESS_KEY": "test",
    }
    with LocalStack(
        bulk=True,
        data_dir=tmp_path_factory.mktemp("stack"),
        environment={
            "OCR_LOG_FORMAT": "json",
            "OCR_LOG_LEVEL": "debug",
            "OCR_BULK_POLL_WAIT_S": "1",  # a stage that is told to stop waits for its last receive
            "OCR_BULK_LEASE_S": "4",  # what a killed worker had in hand is not waited for long
            "OCR_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "OCR_WEBHOOK_ALLOW_PRIVATE": "true",
        },
        service_environment={"preprocess": sources},
    ) as stack:
        yield stack


@pytest.fixture
def api(running_stack: LocalStack) -> Iterator[httpx.Client]:
    """A client of the public sync API."""
    with httpx.Client(base_url=running_stack.api_url, timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture
def bulk_api(running_stack: LocalStack) -> Iterator[httpx.Client]:
    """A client of the public bulk API."""
    with httpx.Client(base_url=running_stack.bulk_url, timeout=60.0, trust_env=False) as client:
        yield client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the running stack is marked so, has time for the models to load, and comes first.

    It takes longest: begun at once, it leaves no process of ``make test`` alone with it at the end.
    """
    for item in items:
        if "running_stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.stack)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(420))
        check_group(item)
    items.sort(key=lambda item: group_of(item.nodeid.partition("::")[0]) != STACK)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling | None:
    """See ``tests.support.scheduling``."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadfile" else None
