"""Reading the headers of an event, as the real executor sent them."""

import pytest
from support.monitoring.logged_events import headers, recorded

from monitoring.request_log.errors import BadEventError
from monitoring.request_log.events import MAX_ID_BYTES, EventKind, kept_id, read_header


def test_every_recorded_event_of_the_real_executor_is_read() -> None:
    events = [read_header(sent) for sent, _ in recorded()]
    assert len(events) > 50
    assert {each.kind for each in events} == set(EventKind)
    assert {each.origin.deployment for each in events} == {"mydep"}
    assert {each.origin.predictor for each in events} == {"mypred"}


def test_the_time_is_read_to_the_microsecond_and_in_utc() -> None:
    time = read_header(headers(EventKind.REQUEST, **{"ce-time": "2023-04-01T12:11:12.123456789+02:00"})).time
    assert time.isoformat() == "2023-04-01T10:11:12.123456+00:00"


def test_an_event_without_a_time_is_of_now() -> None:
    sent = headers(EventKind.REQUEST)
    del sent["ce-time"]
    assert read_header(sent).time.tzinfo is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce-type", "io.seldon.serving.inference.request.v9"),
        ("ce-requestid", ""),
        ("ce-modelid", ""),
        ("ce-modelid", "x" * (MAX_ID_BYTES + 1)),
        ("ce-modelid", "\N{SNOWMAN}" * (MAX_ID_BYTES // 3 + 1)),
        ("ce-modelid", "not utf-8: \udcff"),
        ("ce-endpoint", ""),
        ("ce-time", "yesterday"),
        ("ce-time", "2023-04-01T10:11:12"),
        ("ce-time", "0001-01-01T00:00:00+23:59"),
    ],
)
def test_a_header_that_the_executor_never_sends_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadEventError, match=name):
        read_header(headers(EventKind.RESPONSE, **{name: value}))


@pytest.mark.parametrize(
    "request_id", ["x" * (MAX_ID_BYTES + 1), "\N{SNOWMAN}" * (MAX_ID_BYTES // 3 + 1), "not utf-8: \udcff"]
)
def test_a_request_id_that_a_client_made_too_long_keeps_no_forecast_out_of_the_log(request_id: str) -> None:
    kept, other = (
        read_header(headers(EventKind.RESPONSE, each)).origin.request_id for each in (request_id, f"{request_id} other")
    )
    assert kept != other
    assert len(kept.encode()) <= MAX_ID_BYTES
    assert kept == kept_id(request_id) == kept_id(kept)


def test_a_request_id_that_fits_is_kept_as_it_is() -> None:
    assert read_header(headers(EventKind.RESPONSE, "x" * MAX_ID_BYTES)).origin.request_id == "x" * MAX_ID_BYTES


def test_all_bad_headers_are_named_at_once() -> None:
    with pytest.raises(BadEventError, match=r"ce-type: .*ce-endpoint: .*ce-modelid: .*ce-requestid: "):
        read_header({})
