"""The door, the waiting room and the reading places, on a clock that the tests turn."""

from __future__ import annotations

import asyncio

import pytest

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import Overloaded
from ocr_core.telemetry import Metrics
from preprocess_svc.admission import Admission, Permit
from preprocess_svc.admission_metrics import AdmissionMetrics
from preprocess_svc.pace import finishes_s


class House:
    """An admission that has learned its pace, and the hands that carry documents through it."""

    def __init__(
        self, *, page_s: float | None = 1.0, max_documents: int = 32, max_reading: int = 1, deadline_share: float = 1.0
    ) -> None:
        self.now_s = 1_000.0
        self.metrics = Metrics()
        self.admission = Admission(
            max_documents=max_documents,
            max_reading=max_reading,
            deadline_share=deadline_share,
            metrics=AdmissionMetrics(self.metrics),
            now_s=lambda: self.now_s,
        )
        self.started: list[Permit] = []
        self.dropped: list[tuple[Permit, Overloaded]] = []
        if page_s is not None:
            self.learn(page_s)

    def learn(self, page_s: float) -> None:
        """Read so many single pages, one after another, that nothing before them counts."""
        for _ in range(200):
            permit = self.arrive(timeout_s=1_000)
            self.now_s += page_s
            self.finish(permit)
        self.started.clear()

    def arrive(self, *, timeout_s: float, pages: int | None = 1) -> Permit:
        """Enter, send the body, queue up."""
        permit = self.admission.enter(Deadline(at_s=self.now_s + timeout_s))
        try:
            permit.expect(pages)
        except Overloaded:
            permit.release()
            raise
        permit.wait_for_place(lambda error: self._told(permit, error))
        return permit

    def _told(self, permit: Permit, error: Overloaded | None) -> None:
        if error is None:
            self.started.append(permit)
        else:
            self.dropped.append((permit, error))

    def finish(self, permit: Permit, pages: int = 1) -> None:
        """All its pages are done now."""
        for _ in range(pages):
            permit.page_done()
        permit.leave_place()
        permit.release()

    def value(self, name: str, **labels: str) -> float | None:
        """Of a metric."""
        return self.metrics.registry.get_sample_value(name, labels)

    def outcomes(self, outcome: str) -> float | None:
        """How often."""
        return self.value("ocr_admission_outcomes_total", outcome=outcome)


class TestTheDoor:
    def test_whoever_can_be_answered_in_time_is_let_in_and_the_next_is_refused_at_once(self) -> None:
        house = House()
        for _ in range(5):
            house.arrive(timeout_s=5.5)
        with pytest.raises(Overloaded) as caught:
            house.arrive(timeout_s=5.5)
        assert caught.value.code == "overloaded"
        assert house.admission.in_flight == 5
        assert house.outcomes("too_late") == 1
        assert house.value("ocr_admission_refusals_total") == 1

    def test_who_can_wait_for_longer_is_let_in_where_another_is_not(self) -> None:
        house = House()
        for _ in range(5):
            house.arrive(timeout_s=5.5)
        house.arrive(timeout_s=6.5)
        assert house.admission.in_flight == 6

    def test_a_document_of_many_pages_holds_as_much_as_many_documents(self) -> None:
        house = House()
        house.arrive(timeout_s=5.5, pages=5)
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=5.5)

    def test_a_share_of_the_deadline_is_kept_for_what_the_estimate_does_not_know(self) -> None:
        house = House(deadline_share=0.5)
        for _ in range(3):
            house.arrive(timeout_s=6.5)
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=6.5)

    def test_an_empty_house_lets_in_anybody_or_a_mistaken_pace_could_never_be_corrected(self) -> None:
        house = House(page_s=100.0)
        permit = house.arrive(timeout_s=5.0, pages=3)
        assert house.started == [permit]

    def test_nobody_is_let_in_at_the_cost_of_one_who_was_before(self) -> None:
        house = House()
        reading = house.arrive(timeout_s=100)
        for _ in range(4):
            house.arrive(timeout_s=5.5)
        with pytest.raises(Overloaded):  # in time itself, since due first; the last of the others would not be
            house.arrive(timeout_s=3.0)
        house.finish(reading)
        house.arrive(timeout_s=3.0)

    def test_who_is_late_already_is_no_reason_to_refuse_others(self) -> None:
        house = House(max_reading=2)
        house.arrive(timeout_s=3.0)
        house.now_s += 0.5
        house.learn(1.0)  # the first one has been under way for minutes
        house.arrive(timeout_s=5.5)
        assert house.admission.in_flight == 2

    def test_more_documents_than_may_be_are_refused_whatever_their_deadline(self) -> None:
        house = House(page_s=0.001, max_documents=2)
        house.arrive(timeout_s=30)
        house.arrive(timeout_s=30)
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=30)
        assert house.outcomes("house_full") == 1
        assert house.outcomes("admitted") == 202

    def test_before_anything_was_read_the_house_is_taken_to_be_slow(self) -> None:
        house = House(page_s=None)
        for _ in range(5):
            house.arrive(timeout_s=5.5)
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=5.5)

    def test_a_long_document_that_is_being_read_does_not_keep_a_short_one_out_of_a_free_place(self) -> None:
        house = House(max_reading=2)
        house.arrive(timeout_s=100, pages=20)
        short = house.arrive(timeout_s=2.5)  # they share the machine
        assert short in house.started
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=2.5)


@pytest.mark.parametrize(
    ("works_s", "places", "expected_s"),
    [
        ([], 2, []),
        ([1, 2, 3], 1, [1, 3, 6]),
        ([1, 1, 1], 3, [3, 3, 3]),
        ([9, 1], 2, [10, 2]),
        ([1, 9, 1], 2, [2, 11, 4]),
        ([2, 1, 1, 1], 2, [4, 2, 4, 5]),
    ],
)
def test_those_in_a_place_share_the_machine_and_the_others_come_in_their_turn(
    works_s: list[float], places: int, expected_s: list[float]
) -> None:
    assert finishes_s(works_s, places=places) == pytest.approx(expected_s)


class TestRetryAfter:
    def test_after_it_the_same_document_is_let_in_and_before_it_is_not(self) -> None:
        house = House()
        permits = [house.arrive(timeout_s=8.5) for _ in range(7)]
        with pytest.raises(Overloaded) as caught:
            house.arrive(timeout_s=8.5, pages=3)
        assert caught.value.retry_after_s == pytest.approx(1.5, rel=0.01)
        house.now_s += 1.0
        house.finish(permits[0])
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=8.5, pages=3)
        house.now_s += 1.0
        house.finish(permits[1])
        house.arrive(timeout_s=8.5, pages=3)

    def test_it_is_never_longer_than_until_the_house_is_empty(self) -> None:
        house = House()
        house.arrive(timeout_s=8)
        with pytest.raises(Overloaded) as caught:
            house.arrive(timeout_s=8, pages=30)
        assert caught.value.retry_after_s == pytest.approx(1.0, rel=0.01)


class TestTheCountOfPages:
    def test_a_body_that_is_still_arriving_is_nobodys_work(self) -> None:
        house = House()
        for _ in range(10):
            house.admission.enter(Deadline(at_s=house.now_s + 30))
        house.arrive(timeout_s=1.5)
        assert house.admission.in_flight == 11

    def test_where_nobody_knows_a_document_counts_as_many_as_documents_mostly_have(self) -> None:
        house = House()
        for _ in range(200):
            house.finish(house.arrive(timeout_s=1_000, pages=4), pages=4)
        house.learn(1.0)  # its documents are of one page
        house.arrive(timeout_s=50, pages=None)
        assert house.admission.wait_s() == pytest.approx(1.0, rel=0.01)
        for _ in range(200):
            house.admission.enter(Deadline(at_s=house.now_s + 1e6)).expect(4)
            if house.admission.in_flight == 31:
                break
        permit = house.admission.enter(Deadline(at_s=house.now_s + 1e6))
        permit.expect(None)
        assert permit.pages_left == pytest.approx(4 - 3 * 0.95**30, rel=0.05)

    def test_one_that_turns_out_too_long_when_opened_is_refused_then_and_holds_nothing(self) -> None:
        house = House(max_reading=2)
        house.arrive(timeout_s=5.5)
        surprising = house.arrive(timeout_s=5.5)
        with pytest.raises(Overloaded):
            surprising.expect(20)
        surprising.leave_place()
        surprising.release()
        assert house.admission.wait_s() == pytest.approx(1.0, rel=0.01)

    def test_one_that_turns_out_shorter_gives_the_difference_back(self) -> None:
        house = House()
        permit = house.arrive(timeout_s=50, pages=20)
        permit.expect(2)
        assert house.admission.wait_s() == pytest.approx(2.0, rel=0.01)

    def test_pages_that_are_read_are_no_work_any_more(self) -> None:
        house = House()
        permit = house.arrive(timeout_s=50, pages=4)
        house.now_s += 1.0
        permit.page_done()
        assert house.admission.wait_s() == pytest.approx(3.0, rel=0.01)


class TestThePace:
    def test_documents_that_are_read_side_by_side_share_the_time(self) -> None:
        house = House(max_reading=4)
        for _ in range(100):
            permits = [house.arrive(timeout_s=1_000) for _ in range(4)]
            for permit in permits:
                house.now_s += 0.25
                house.finish(permit)
        assert house.value("ocr_admission_page_seconds") == pytest.approx(0.25, rel=0.01)

    def test_time_in_which_nothing_is_read_does_not_count(self) -> None:
        house = House()
        house.now_s += 3_600
        house.finish(house.arrive(timeout_s=5), pages=0)
        assert house.value("ocr_admission_page_seconds") == pytest.approx(1.0, rel=0.01)

    def test_a_machine_that_becomes_twice_as_slow_is_noticed_within_some_twenty_pages(self) -> None:
        house = House()
        for _ in range(30):
            permit = house.arrive(timeout_s=1_000)
            house.now_s += 2.0
            house.finish(permit)
        assert house.value("ocr_admission_page_seconds") == pytest.approx(2.0, rel=0.15)

    def test_a_machine_that_stands_still_is_noticed_before_anything_comes_out(self) -> None:
        house = House()
        house.arrive(timeout_s=1_000)
        house.arrive(timeout_s=50.0)
        house.now_s += 40.0
        assert house.admission.wait_s() > 5.0


class TestTheWaitingRoom:
    def test_who_is_due_first_is_read_first_and_equals_in_order_of_arrival(self) -> None:
        house = House()
        first = house.arrive(timeout_s=50)
        patient = house.arrive(timeout_s=60)
        hurried, next_hurried = house.arrive(timeout_s=20), house.arrive(timeout_s=20)
        for permit in (first, hurried, next_hurried):
            house.finish(permit)
        assert house.started == [first, hurried, next_hurried, patient]

    def test_no_more_are_read_than_there_are_places(self) -> None:
        house = House(max_reading=2)
        permits = [house.arrive(timeout_s=50) for _ in range(3)]
        assert house.started == permits[:2]
        assert house.value("ocr_documents_reading") == 2
        permits[1].leave_place()  # its text is still to be read, but the pixels are done with
        assert house.started == permits
        assert house.admission.in_flight == 3

    def test_one_whose_deadline_cannot_be_kept_any_more_is_refused_when_its_turn_comes(self) -> None:
        house = House(max_reading=2)
        house.arrive(timeout_s=1_000)
        slow = house.arrive(timeout_s=1_000)
        waiting = house.arrive(timeout_s=5.0)
        house.now_s += 4.5
        house.finish(slow)
        ((dropped, error),) = house.dropped
        assert dropped is waiting
        assert error.retry_after_s is not None
        assert house.outcomes("became_late") == 1

    def test_one_that_leaves_while_it_waits_gives_its_share_back_at_once(self) -> None:
        house = House()
        house.arrive(timeout_s=50)
        leaving = [house.arrive(timeout_s=5.5) for _ in range(4)]
        with pytest.raises(Overloaded):
            house.arrive(timeout_s=5.5)
        leaving[0].release()
        assert house.arrive(timeout_s=5.5) not in house.started

    def test_one_that_is_given_up_half_way_gives_back_the_rest_and_its_place(self) -> None:
        house = House()
        given_up, following = house.arrive(timeout_s=50, pages=4), house.arrive(timeout_s=50)
        house.now_s += 1.0
        given_up.page_done()
        given_up.release()
        given_up.release()
        assert house.started == [given_up, following]
        assert house.admission.wait_s() == pytest.approx(1.0, rel=0.01)
        assert house.value("ocr_documents_in_flight") == 1
        house.finish(following)
        assert house.value("ocr_admission_wait_seconds") == 0
        assert house.value("ocr_documents_reading") == 0


class TestReadingPlaces:
    async def test_they_are_handed_on_and_one_that_gives_up_does_not_hold_up_those_behind_it(self) -> None:
        house = House()
        order: list[int] = []
        gate = asyncio.Event()

        async def read(number: int) -> None:
            permit = house.admission.enter(Deadline(at_s=house.now_s + 50))
            permit.expect(1)
            async with permit.reading_place():
                order.append(number)
                await gate.wait()
            permit.release()

        tasks = [asyncio.create_task(read(number)) for number in range(4)]
        await asyncio.sleep(0)
        assert order == [0]
        tasks[1].cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [0, 2, 3]

    async def test_a_refusal_at_its_turn_is_raised_where_the_place_is_waited_for(self) -> None:
        house = House(max_reading=2)
        house.arrive(timeout_s=1_000)
        slow = house.arrive(timeout_s=1_000)
        permit = house.admission.enter(Deadline(at_s=house.now_s + 5))
        permit.expect(1)

        async def read() -> None:
            async with permit.reading_place():
                raise AssertionError("it was read all the same")

        task = asyncio.create_task(read())
        await asyncio.sleep(0)
        house.now_s += 4.5
        house.finish(slow)
        with pytest.raises(Overloaded):
            await task
