"""Whatever is measured is read: services start with nothing remembered, and no two documents have the same bytes."""

from __future__ import annotations

import pytest

from evaluation.bench.local_services import measured_settings
from evaluation.bench.pages import default_pages
from evaluation.bulk_bench import Bench
from loadtest.documents import nonces
from loadtest.server import measured_environment
from ocr_core.settings import RememberSettings, load, variable_name

VARIABLES = [variable_name(RememberSettings, name) for name in ("enabled", "shared")]


@pytest.mark.parametrize("settings_of", [measured_settings, measured_environment])
def test_nothing_is_remembered_even_if_the_environment_or_an_option_says_so(
    monkeypatch: pytest.MonkeyPatch, settings_of: object
) -> None:
    wanted = dict.fromkeys(VARIABLES, "true")
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    assert load(RememberSettings).enabled
    for name, value in settings_of(wanted).items():  # type: ignore[operator]
        monkeypatch.setenv(name, value)
    settings = load(RememberSettings)
    assert (settings.enabled, settings.shared) == (False, False)


def test_no_two_documents_of_a_measured_job_are_the_same() -> None:
    bench = Bench(services=None, pages=default_pages(quick=True))  # type: ignore[arg-type]
    bodies = [*bench.bodies(6, 0), *bench.bodies(6, 6)]
    assert len(set(bodies)) == len(bodies)


def test_nonces_differ_within_a_run_and_between_runs() -> None:
    first, second = nonces(), nonces()
    drawn = [next(each) for _ in range(20) for each in (first, second)]
    assert len(set(drawn)) == len(drawn)
