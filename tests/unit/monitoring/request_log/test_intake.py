"""What the sink holds: bounded, paired, each payload once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.monitoring.logged_events import event, recorded

from monitoring.request_log.events import Event, EventKind, read_header
from monitoring.request_log.intake import Intake
from monitoring.request_log.metrics import SinkMetrics
from monitoring.request_log.settings import RequestLogSettings


class Held:
    """An intake with a clock of its own."""

    def __init__(self, **settings: float) -> None:
        self.now_s = 0.0
        self.metrics = SinkMetrics()
        self.intake = Intake(
            RequestLogSettings.model_validate({"pair_wait_s": 10.0} | settings), self.metrics, lambda: self.now_s
        )

    def receive(self, *events: Event) -> None:
        for each in events:
            assert self.intake.reserve(len(each.body))
            self.intake.accept(each, len(each.body))

    def taken(self) -> list[tuple[bytes | None, bytes]]:
        answers = self.intake.take()
        self.intake.done()
        return [(each.request.body if each.request else None, each.response.body) for each in answers]

    def dropped(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("storecast_request_log_dropped_events_total", {"reason": reason})

    def unpaired(self) -> float | None:
        return self.metrics.registry.get_sample_value("storecast_request_log_unpaired_responses_total")


ASKED, SAID = event(EventKind.REQUEST, b"asked"), event(EventKind.RESPONSE, b"said")


@pytest.mark.parametrize("events", [(ASKED, SAID), (SAID, ASKED)])
def test_a_request_and_its_response_are_paired_in_whatever_order_they_come(events: tuple[Event, Event]) -> None:
    held = Held()
    held.receive(*events)
    assert held.taken() == [(b"asked", b"said")]
    assert (held.intake.events, held.intake.bytes, held.intake.waiting) == (0, 0, 0)


@pytest.mark.parametrize("name", ["mine", "theirs"])
def test_events_of_other_requests_and_other_nodes_are_no_partners(name: str) -> None:
    held = Held()
    other = (
        event(EventKind.RESPONSE, b"said", name)
        if name == "mine"
        else event(EventKind.RESPONSE, b"said", node="fallback")
    )
    held.receive(ASKED, other)
    assert held.taken() == []
    assert held.intake.waiting == 2


@pytest.mark.parametrize("case", ["log-combiner-all", "log-combiner-response", "log-router-all"])
def test_what_the_real_executor_logs_twice_is_taken_once(case: str) -> None:
    held = Held()
    sent = [Event(read_header(headers), body, 0.0) for headers, body in recorded(case)]
    held.receive(*sent)
    held.intake.drain()
    assert len(held.taken()) == 1
    assert held.dropped("duplicate") == len(sent) - len({each.fingerprint for each in sent})
    assert (held.intake.events, held.intake.bytes) == (0, 0)


def test_a_node_that_logs_two_pairs_gives_two_answers() -> None:
    held = Held()
    a, b, c = b"a", b"transformed", b"c"
    held.receive(
        event(EventKind.REQUEST, a),
        event(EventKind.RESPONSE, b),
        event(EventKind.REQUEST, b),
        event(EventKind.RESPONSE, c),
    )
    assert held.taken() == [(a, b), (b, c)]


def test_a_response_goes_on_alone_after_its_wait_and_not_before() -> None:
    held = Held(pair_wait_s=10)
    held.receive(SAID)
    held.now_s = 9.9
    held.intake.expire()
    assert held.taken() == []
    held.now_s = 10.0
    held.intake.expire()
    assert held.taken() == [(None, b"said")]
    assert held.unpaired() == 1


def test_a_request_without_a_response_is_counted_and_gives_its_room_back() -> None:
    held = Held()
    held.receive(ASKED)
    held.now_s = 11.0
    held.intake.expire()
    assert held.taken() == []
    assert held.dropped("unanswered") == 1
    assert (held.intake.events, held.intake.bytes) == (0, 0)


def test_the_waiting_table_is_bounded_and_the_oldest_goes_first() -> None:
    held = Held(pair_count=2)
    held.receive(*(event(EventKind.RESPONSE, b"said %d" % n, f"r-{n}") for n in range(3)))
    assert held.taken() == [(None, b"said 0")]
    assert held.intake.waiting == 2


def test_large_requests_that_nobody_answers_do_not_keep_the_room_of_others() -> None:
    held = Held(queue_bytes=100)
    held.receive(*(event(EventKind.REQUEST, b"x" * 20, f"r-{n}") for n in range(8)))
    assert (held.intake.waiting, held.intake.bytes) == (2, 40)
    assert held.dropped("unanswered") == 6
    held.receive(event(EventKind.REQUEST, b"x" * 60, "larger than may wait at all"))
    assert (held.intake.waiting, held.intake.bytes) == (0, 0)


def test_a_request_id_that_a_client_uses_again_loses_no_answer() -> None:
    held = Held()
    held.receive(SAID, event(EventKind.RESPONSE, b"said something else"))
    held.intake.drain()
    assert held.taken() == [(None, b"said"), (None, b"said something else")]


def test_no_more_events_are_taken_than_the_setting_says() -> None:
    held = Held(queue_events=2)
    assert [held.intake.reserve(1) for _ in range(3)] == [True, True, False]
    held.intake.release(1)
    assert held.intake.reserve(1)


def test_no_more_bytes_are_taken_than_the_setting_says_and_a_batch_keeps_its_room_until_it_is_done() -> None:
    held = Held(queue_bytes=20)
    held.receive(ASKED, SAID)
    assert held.intake.bytes == len(b"askedsaid")
    assert not held.intake.reserve(12)
    held.intake.take()
    assert not held.intake.reserve(12)
    held.intake.done()
    assert held.intake.reserve(20)


def test_room_that_was_reserved_for_an_unknown_length_shrinks_to_what_came() -> None:
    held = Held(queue_bytes=1000)
    assert held.intake.reserve(1000)
    held.intake.accept(ASKED, 1000)
    assert held.intake.bytes == len(b"asked")


def test_a_batch_is_bounded_by_answers_and_by_bytes_but_never_empty() -> None:
    few, small = Held(batch_answers=2), Held(batch_bytes=3)
    for held in (few, small):
        held.receive(*(event(EventKind.RESPONSE, b"said", f"r-{n}") for n in range(3)))
        held.intake.drain()
    assert [len(few.taken()), len(few.taken())] == [2, 1]
    assert [len(small.taken()) for _ in range(3)] == [1, 1, 1]


@given(st.data())
def test_in_any_order_and_however_often_sent_each_answer_is_given_out_once_with_its_request(
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 8))
    pairs = [
        (event(EventKind.REQUEST, b"asked %d" % n, f"r-{n}"), event(EventKind.RESPONSE, b"said %d" % n, f"r-{n}"))
        for n in range(count)
    ]
    sent = [each for pair in pairs for each in pair]
    again = data.draw(st.lists(st.sampled_from(sent), max_size=10))
    held = Held(batch_answers=data.draw(st.integers(1, 4)))
    taken = []
    for each in data.draw(st.permutations([*sent, *again])):
        held.receive(each)
        if data.draw(st.booleans()):
            taken += held.taken()
    while held.intake.is_ready:
        taken += held.taken()
    assert sorted(taken, key=repr) == sorted([(b"asked %d" % n, b"said %d" % n) for n in range(count)], key=repr)
    assert held.dropped("duplicate") == len(again)
    assert (held.intake.events, held.intake.bytes, held.intake.waiting) == (0, 0, 0)


def test_the_lag_is_the_age_of_the_oldest_answer_that_is_not_written() -> None:
    held = Held()
    held.receive(SAID)
    held.now_s = 5.0
    assert held.intake.lag_s == 0.0
    held.intake.drain()
    assert held.intake.lag_s == 5.0
    held.intake.take()
    held.now_s = 7.0
    assert held.intake.lag_s == 7.0
    held.intake.done()
    assert held.intake.lag_s == 0.0
