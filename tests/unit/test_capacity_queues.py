"""The simulation's parts against what queueing theory knows, and against the pixel side's own rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, stdev

import numpy as np
import pytest
import simpy
from simpy.events import Event

from evaluation.capacity import closed_forms
from evaluation.capacity.cores import SharedCores
from evaluation.capacity.stations import ModelStation
from evaluation.capacity.workload import grouped_widths
from preprocess_svc.crops import batch_crops

RUNS = 8
CUSTOMERS = 4000
WARM_UP = 400
Draw = Callable[[np.random.Generator], float]


def exponential(mean_s: float) -> Draw:
    return lambda random: float(random.exponential(mean_s))


def constant(seconds: float) -> Draw:
    return lambda _: seconds


def two_values(random: np.random.Generator) -> float:
    """Mean 1, squared coefficient of variation 2.25."""
    return 4.0 if random.random() < 0.2 else 0.25


def agrees(measured: list[float], expected: float, *, precise_to: float = 0.06) -> None:
    """Within four standard errors of independent runs, which must be small enough to refute a wrong formula."""
    error = stdev(measured) / math.sqrt(len(measured))
    assert error < precise_to * expected, "the runs are too few to tell"
    assert abs(fmean(measured) - expected) < 4 * error + 1e-9


def station_responses(
    servers: int, arrivals_s: float, service: Draw, *, urgent_share: float = 1.0
) -> list[list[float]]:
    """Mean seconds of urgent and of other customers at a station, waiting and service, one pair a run."""
    means = []
    for seed in range(RUNS):
        random = np.random.default_rng(seed)
        env = simpy.Environment()
        took: list[tuple[bool, float]] = []

        def execute(rows: int, shape: int, urgent: bool, *, env=env, random=random) -> Event:
            del rows, shape, urgent
            return env.timeout(service(random))

        station = ModelStation(env, execute, instances=servers)

        def customer(urgent: bool, *, env=env, station=station, took=took):
            request = station.submit(1, 0, urgent=urgent)
            yield request.done
            took.append((urgent, env.now - request.arrived_s))

        def arrive(*, env=env, random=random, customer=customer):
            for _ in range(CUSTOMERS):
                yield env.timeout(random.exponential(1 / arrivals_s))
                env.process(customer(bool(random.random() < urgent_share)))

        env.process(arrive())
        env.run()
        means.append([fmean([t for urgent, t in took[WARM_UP:] if urgent is kind] or [0.0]) for kind in (True, False)])
    return means


def shared_responses(cores: float, arrivals_s: float, service: Draw) -> list[float]:
    """Mean time on shared cores, one a run."""
    means = []
    for seed in range(RUNS):
        random = np.random.default_rng(seed)
        env = simpy.Environment()
        shared = SharedCores(env, cores)
        took: list[float] = []

        def customer(env=env, shared=shared, random=random, took=took):
            began_s = env.now
            yield shared.run(service(random)).done
            took.append(env.now - began_s)

        def arrive(env=env, random=random, customer=customer):
            for _ in range(CUSTOMERS):
                yield env.timeout(random.exponential(1 / arrivals_s))
                env.process(customer())

        env.process(arrive())
        env.run()
        means.append(fmean(took[WARM_UP:]))
    return means


@pytest.mark.parametrize(("servers", "arrivals_s"), [(1, 0.6), (3, 2.1), (8, 6.4)])
def test_a_station_of_exponential_times_waits_as_long_as_erlang_says(servers: int, arrivals_s: float) -> None:
    measured = [urgent for urgent, _ in station_responses(servers, arrivals_s, exponential(1.0))]
    agrees(measured, 1.0 + closed_forms.mmc_wait_s(servers, arrivals_s, 1.0))


def test_a_station_of_constant_times_waits_half_as_long() -> None:
    measured = [urgent for urgent, _ in station_responses(1, 0.7, constant(1.0))]
    agrees(measured, 1.0 + closed_forms.mg1_wait_s(0.7, 1.0, 0.0))


def test_a_station_of_uneven_times_waits_as_long_as_pollaczek_and_khinchine_say() -> None:
    measured = [urgent for urgent, _ in station_responses(1, 0.6, two_values)]
    agrees(measured, 1.0 + closed_forms.mg1_wait_s(0.6, 1.0, 2.25))


def test_who_is_urgent_waits_as_long_as_cobham_says_and_so_do_the_others() -> None:
    took = station_responses(1, 0.7, exponential(1.0), urgent_share=0.4)
    urgent_s, other_s = closed_forms.priority_waits_s(0.28, 0.42, 1.0, 1.0)
    agrees([urgent for urgent, _ in took], 1.0 + urgent_s)
    agrees([other for _, other in took], 1.0 + other_s, precise_to=0.08)


@pytest.mark.parametrize("service", [exponential(1.0), constant(1.0), two_values], ids=["M", "D", "two values"])
def test_one_shared_core_takes_equally_long_whatever_the_distribution(service: Draw) -> None:
    agrees(shared_responses(1, 0.6, service), closed_forms.shared_response_s(0.6, 1.0), precise_to=0.1)


def test_several_shared_cores_take_as_long_as_a_queue_of_so_many_servers() -> None:
    # With exponential times nothing tells who is served from how many are there.
    expected_s = 1.0 + closed_forms.mmc_wait_s(4, 3.0, 1.0)
    agrees(shared_responses(4, 3.0, exponential(1.0)), expected_s)


def test_shared_cores_give_urgent_tasks_their_weight() -> None:
    env = simpy.Environment()
    shared = SharedCores(env, 1, patient_weight=0.25)
    ends: dict[str, float] = {}
    for name, urgent in (("urgent", True), ("patient", False)):
        shared.run(1.0, urgent=urgent).done.callbacks.append(lambda _, name=name: ends.update({name: env.now}))
    env.run()
    # Four fifths of the core until the urgent one is done; then all of it.
    assert ends == {"urgent": pytest.approx(1.25), "patient": pytest.approx(2.0)}
    assert shared.busy_core_s == pytest.approx(2.0)


def test_no_task_uses_more_than_one_core() -> None:
    env = simpy.Environment()
    shared = SharedCores(env, 8)
    task = shared.run(1.0)
    env.run(task.done)
    assert env.now == pytest.approx(1.0)


def test_cancelled_work_leaves_its_share_to_the_others_and_never_ends() -> None:
    env = simpy.Environment()
    shared = SharedCores(env, 1)
    given_up, kept = shared.run(1.0), shared.run(1.0)
    env.run(until=0.5)
    shared.cancel(given_up)
    env.run(kept.done)
    assert kept.ended
    assert env.now == pytest.approx(1.25)
    assert not given_up.done.triggered


def test_simulated_weeks_do_not_stall_on_rounding() -> None:
    env = simpy.Environment()
    shared = SharedCores(env, 2)

    def work():
        for _ in range(50):
            yield env.timeout(86_400.1)
            first, second, third = (shared.run(0.0333) for _ in range(3))
            yield first.done & second.done & third.done

    env.run(env.process(work()))
    assert shared.busy_core_s == pytest.approx(50 * 3 * 0.0333)


class Recorder:
    """Executions of a station that takes one second each."""

    def __init__(self, **options: float) -> None:
        self.env = simpy.Environment()
        self.executions: list[tuple[float, int, int]] = []
        self.station = ModelStation(self.env, self._execute, instances=1, **options)

    def _execute(self, rows: int, shape: int, urgent: bool) -> Event:
        del urgent
        self.executions.append((self.env.now, rows, shape))
        return self.env.timeout(1.0)


def test_a_batch_ends_at_the_first_request_of_another_shape() -> None:
    recorder = Recorder(max_rows=8)
    recorder.station.submit(1, 0)
    for shape in (64, 64, 96, 64):
        recorder.station.submit(2, shape)
    recorder.env.run()
    assert recorder.executions == [(0, 1, 0), (1, 4, 64), (2, 2, 96), (3, 2, 64)]


def test_a_batch_takes_no_more_rows_than_the_model() -> None:
    recorder = Recorder(max_rows=8)
    recorder.station.submit(8, 64)
    for _ in range(3):
        recorder.station.submit(3, 64)
    recorder.env.run()
    assert [rows for _, rows, _ in recorder.executions] == [8, 6, 3]


def test_a_request_is_kept_for_company_no_longer_than_the_delay() -> None:
    recorder = Recorder(max_rows=8, delay_s=0.25)
    recorder.station.submit(1, 64)
    recorder.env.run(until=0.2)
    assert recorder.executions == []
    recorder.station.submit(1, 64)
    recorder.env.run()
    assert recorder.executions == [(0.25, 2, 64)]


def test_a_full_batch_waits_for_nobody() -> None:
    recorder = Recorder(max_rows=8, delay_s=0.25)
    recorder.station.submit(8, 64)
    assert recorder.executions == [(0, 8, 64)]


def test_cancelled_requests_are_passed_over() -> None:
    recorder = Recorder(max_rows=1)
    recorder.station.submit(1, 1)
    recorder.station.submit(1, 2).cancelled = True
    recorder.station.submit(1, 3)
    recorder.env.run()
    assert [shape for _, _, shape in recorder.executions] == [1, 3]


def test_lines_are_grouped_as_the_pixel_side_groups_them() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        widths = random.integers(8, 2500, size=random.integers(1, 90)).tolist()
        crops = [np.zeros((48, width, 3), dtype=np.uint8) for width in widths]
        theirs = [(len(batch.rows), batch.crops.shape[2]) for batch in batch_crops(crops)]
        assert list(grouped_widths(widths)) == theirs


def test_closed_forms_agree_where_they_overlap() -> None:
    assert closed_forms.mmc_wait_s(1, 0.8, 1.0) == pytest.approx(closed_forms.mg1_wait_s(0.8, 1.0, 1.0))
    assert closed_forms.allen_cunneen_wait_s(1, 0.8, 1.0, 1.0, 0.0) == pytest.approx(
        closed_forms.mg1_wait_s(0.8, 1.0, 0.0)
    )
    assert closed_forms.kingman_wait_s(0.8, 1.0, 1.0, 1.0) == pytest.approx(closed_forms.mmc_wait_s(1, 0.8, 1.0))
    assert closed_forms.erlang_b(1, 1.0) == pytest.approx(0.5)
    # A table's value: 5 erlangs, 8 servers (Erlang C).
    assert closed_forms.erlang_c(8, 5.0) == pytest.approx(0.1673, abs=1e-4)
    urgent_s, other_s = closed_forms.priority_waits_s(0.3, 0.4, 1.0, 1.0)
    # Whoever goes first, the work that waits is the same (conservation law).
    assert 0.3 * urgent_s + 0.4 * other_s == pytest.approx(0.7 * closed_forms.mg1_wait_s(0.7, 1.0, 1.0))


def test_the_quantile_of_a_wait_is_that_of_its_distribution() -> None:
    # M/M/1: P(wait > t) = busy * exp(-(1 - busy) t / service)
    found = closed_forms.mmc_wait_quantile_s(1, 0.8, 1.0, 0.99)
    assert 0.8 * math.exp(-0.2 * found) == pytest.approx(0.01)


@pytest.mark.parametrize("busy", [1.0, 1.3])
def test_too_much_work_has_no_mean_wait(busy: float) -> None:
    with pytest.raises(closed_forms.Unstable):
        closed_forms.mg1_wait_s(busy, 1.0, 1.0)
