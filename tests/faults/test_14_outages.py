"""Any single service is stopped, killed or cut off under load: the sync API says so, bulk loses nothing, all recovers.

The command that prints the table (``make outages-report``) takes each of them away for half a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.outages import CUT_S, go_through
from tests.support.town import Town

SHORT_S = 2.5
SERVICES = (
    ("Triton", "stopped"),
    ("file opener", "killed"),
    ("postprocess", "stopped"),
    ("preprocess", "killed"),
    ("bulk api", "stopped"),
    ("bulk dispatcher", "stopped"),
    ("bulk intake", "killed"),
    ("bulk webhooks", "killed"),
    ("bulk read", "stopped"),
    ("bulk structure", "stopped"),
    ("database", "stopped"),
    ("queues", "cut"),
    ("object storage", "cut"),
    ("queues and object storage", "killed"),
)
"""Each once, in the way that the other fault tests leave out."""
FURTHER = (
    ("Triton", "killed"),
    ("file opener", "stopped"),
    ("postprocess", "killed"),
    ("preprocess", "stopped"),
    ("bulk api", "killed"),
    ("bulk dispatcher", "killed"),
    ("bulk intake", "stopped"),
    ("bulk webhooks", "stopped"),
    ("bulk read", "killed"),
    ("bulk structure", "killed"),
    ("database", "cut"),
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Town]:
    """All services; each outage leaves them whole."""
    with Town(folder=tmp_path_factory.mktemp("town"), postgres_url=postgres_url) as started:
        yield started


def check(town: Town, service: str, way: str, cut_s: float) -> None:
    """One outage."""
    finding = go_through(town, service, way, town.outages()[service, way], cut_s=cut_s)
    assert finding.good, finding
    assert finding.told, "nobody asked while it was away"
    assert finding.documents > 0
    # Whoever is told "not ready" is told what is not.
    assert all(finding.reasons)


@pytest.mark.parametrize(("service", "way"), SERVICES)
def test_a_service_goes_away_for_a_moment(town: Town, service: str, way: str) -> None:
    check(town, service, way, SHORT_S)


@pytest.mark.long
@pytest.mark.parametrize(("service", "way"), [*SERVICES, *FURTHER])
def test_a_service_goes_away_for_half_a_minute(town: Town, service: str, way: str) -> None:
    check(town, service, way, CUT_S)


def test_no_service_is_left_out(town: Town) -> None:
    assert town.outages().keys() == {*SERVICES, *FURTHER}
