"""The bulk road beside the running stack: its own processes and local AWS, the stack's Triton."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_stack.plan import REPOSITORY_ROOT
from local_stack.stack import LocalStack
from tests.support.bulk_house import DOCUMENTS_BUCKET, OWN_BUCKET, BulkHouse

CHARSET = REPOSITORY_ROOT / "model_repository" / "text_recognition" / "charset.txt"


@pytest.fixture(scope="package")
def _bulk_house(running_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BulkHouse]:
    folder = tmp_path_factory.mktemp("bulk")
    # As in `make up`, what lies in the inbox may be read.
    settings = {"OCR_STORAGE_ALLOW": f"{DOCUMENTS_BUCKET},{OWN_BUCKET}/inbox"}
    with BulkHouse(folder=folder, grpc_url=running_stack.triton_grpc_url, charset=CHARSET, settings=settings) as house:
        yield house


@pytest.fixture
def bulk_house(_bulk_house: BulkHouse) -> BulkHouse:
    """Every process runs, whatever the test before has done to it."""
    for process in _bulk_house.running.values():
        if process.alive:
            process.resume()
    _bulk_house.restart_dead()
    _bulk_house.wait_ready()
    return _bulk_house
