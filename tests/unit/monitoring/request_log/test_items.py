"""From an answer to the rows of the log."""

from typing import Any

import pytest
from support.monitoring.logged_events import ISSUED_AT, answer, entry, error_entry, event, recorded, rows_of, table

from model_wrapper.answering import messages
from model_wrapper.contract import decode_answer, encode_answer
from monitoring.request_log.errors import NotAForecastError
from monitoring.request_log.events import Event, EventKind, read_header
from monitoring.request_log.intake import Exchange
from monitoring.request_log.items import LoggedItem, items_of
from monitoring.request_log.logged_answers import PART_TAG


def logged(message: object, request: object = None) -> list[LoggedItem]:
    asked = None if request is None else event(EventKind.REQUEST, request)
    return items_of(Exchange(event(EventKind.RESPONSE, message), asked))


def asked_rows(*rows: list[Any]) -> dict[str, Any]:
    names = ["store_id", "begin_date", "end_date", "level"]
    return {"data": {"names": names, "ndarray": [list(row) for row in rows]}}


def test_an_item_keeps_all_that_the_answer_says_of_it() -> None:
    (item,) = logged(answer(entry("4", 2, source="store", version="7", alias="challenger"), child=1))
    assert (item.namespace, item.deployment, item.predictor, item.node) == ("shops", "storecast", "main", "router")
    assert (item.request_id, item.item, item.issued_at) == ("r-1", 0, ISSUED_AT)
    assert (item.store_id, item.level, item.what_if, item.child) == ("4", 0.9, False, 1)
    assert (item.days, item.forecasts) == (["2015-06-20", "2015-06-21"], [10.5, 11.5])
    assert (item.lowers, item.uppers, item.notes) == ([9.0, 10.0], [12.0, 13.0], None)
    assert (item.source, item.version, item.alias) == ("store", "7", "challenger")
    assert (item.trained_through, item.error_code) == ("2015-06-19", None)


def test_items_keep_the_order_of_the_answer_and_an_error_keeps_its_code() -> None:
    first, second, third = logged(answer(entry("4"), error_entry("x"), entry("2")))
    assert [each.item for each in (first, second, third)] == [0, 1, 2]
    assert (second.store_id, second.error_code, second.days, second.source) == ("x", "UNKNOWN_STORE", (), None)
    assert (first.error_code, third.store_id) == (None, "2")


def test_a_line_that_nobody_answered_is_an_item_without_a_store() -> None:
    (item,) = logged(answer({"request": None, "error": {"code": "NOT_ANSWERED", "message": "Line 0"}}))
    assert (item.store_id, item.error_code) == (None, "NOT_ANSWERED")


def test_notes_are_kept_where_a_day_has_one() -> None:
    said = entry("4")
    said["forecast"][1]["note"] = "closed"
    assert logged(answer(said))[0].notes == [None, "closed"]


def test_an_answer_to_a_what_if_question_is_marked() -> None:
    said = entry("4")
    said["request"]["overrides"] = {"promo": {"2015-06-20": 1}}
    assert logged(answer(said))[0].what_if is True


def test_what_a_newer_or_an_older_graph_says_is_logged_too() -> None:
    newer, older = entry("4", source="oracle", mood="fine"), entry("4")
    newer["explained"] = {"trend": 1}
    del older["model"]["alias"], older["request"]["level"]
    first, second = logged(answer(newer, older))
    assert (first.source, first.alias) == ("oracle", "champion")
    assert (second.version, second.alias, second.level) == ("3", None, None)


def test_the_contracts_own_answers_are_read_value_by_value() -> None:
    message = encode_answer(decode_answer({"jsonData": [entry("4", 3), error_entry("x")]}))
    forecast, error = logged(message)
    assert forecast.forecasts == [day["value"] for day in message["jsonData"][0]["forecast"]]
    assert error.error_code == message["jsonData"][1]["error"]["code"]


def test_rows_become_one_item_a_store() -> None:
    rows = [*rows_of("4", "2015-06-20", 2), *rows_of("2", "2015-06-20", 3, "fallback")]
    first, second = logged(table(rows), asked_rows(["4", "2015-06-20", "2015-06-21", 0.7]))
    assert (first.store_id, first.days, first.source) == ("4", ["2015-06-20", "2015-06-21"], "fleet")
    assert (second.store_id, second.forecasts, second.source) == ("2", [10.5, 11.5, 12.5], "fallback")
    assert (first.version, first.trained_through, first.level, first.child) == ("3", "2015-06-19", 0.7, 1)


def test_rows_of_a_stores_own_model_name_no_version() -> None:
    (own,) = logged(table(rows_of("4", "2015-06-20", 2, "store")))
    assert (own.source, own.version, own.trained_through) == ("store", None, None)


def test_an_error_row_is_an_item_of_its_own() -> None:
    rows = [*rows_of("4", "2015-06-20", 1), ["x", None, None, None, None, "error:UNKNOWN_STORE"]]
    _, error = logged(table(rows))
    assert (error.store_id, error.error_code, error.days) == ("x", "UNKNOWN_STORE", ())


def test_rows_of_two_items_that_touch_are_told_apart_by_the_request() -> None:
    rows = [*rows_of("4", "2015-06-20", 2), *rows_of("4", "2015-06-22", 2)]
    request = asked_rows(["4", "2015-06-20", "2015-06-21", 0.7], ["4", "2015-06-22", "2015-06-23", 0.9])
    assert [(len(each.days), each.level) for each in logged(table(rows), request)] == [(2, 0.7), (2, 0.9)]
    assert [(len(each.days), each.level) for each in logged(table(rows))] == [(4, None)]


def test_rows_of_every_store_have_the_level_that_all_items_asked_for() -> None:
    rows = [*rows_of("4", "2015-06-20", 2), *rows_of("5", "2015-06-20", 2)]
    assert {each.level for each in logged(table(rows), asked_rows(["*", None, None, 0.7]))} == {0.7}
    mixed = asked_rows(["*", None, None, 0.7], ["4", None, None, 0.9])
    assert {each.level for each in logged(table(rows), mixed)} == {None}


def test_rows_of_a_challenger_have_its_version() -> None:
    rows = [*rows_of("4", "2015-06-20", 1), *rows_of("5", "2015-06-20", 1)]
    challenger = {"fleet_version": "9", "trained_through": "2015-06-30", "stores": ["5"]}
    first, second = logged(table(rows, challenger=challenger))
    assert [(each.version, each.alias) for each in (first, second)] == [("3", None), ("9", "challenger")]


def test_a_request_that_cannot_be_read_costs_only_what_it_would_have_told() -> None:
    (item,) = items_of(
        Exchange(
            event(EventKind.RESPONSE, table(rows_of("4", "2015-06-20", 1))),
            event(EventKind.REQUEST, b"\x1f\x8b compressed"),
        )
    )
    assert (item.store_id, item.level, item.what_if) == ("4", None, None)


def test_answers_that_differ_have_different_digests_and_the_same_has_the_same() -> None:
    digests = [logged(answer(entry(store)))[0].answer for store in ("4", "4", "5")]
    assert digests[0] == digests[1] != digests[2]


def test_a_childs_part_of_an_answer_is_not_logged() -> None:
    assert PART_TAG == messages.PART_TAG
    part = {"jsonData": [None, entry("4")], "meta": {"tags": {PART_TAG: {"child": 1}}}}
    with pytest.raises(NotAForecastError, match="child_answer"):
        logged(part)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"jsonData": [{"forecast": NaN}]}', "not_a_forecast"),
        (b"[]", "not_a_forecast"),
        (b"{}", "not_a_forecast"),
        (b'{"jsonData": {"problems": []}, "status": {"code": 400}}', "not_a_forecast"),
        (b'{"jsonData": [{"request": null}]}', "not_a_forecast"),
        (b'{"data": {"names": ["a"], "ndarray": [[1.0]]}}', "not_a_forecast"),
        (b'{"data": {"ndarray": [["4", "2015-06-20", 1, 1, 1, "fleet"]]}}', "not_a_forecast"),
        (b'{"strData": "x"}', "not_a_forecast"),
        (b'{"jsonData": [{"request": {"storeId": "' + b"x" * 257 + b'"}, "error": {"code": "E"}}]}', "not_a_forecast"),
    ],
)
def test_a_body_that_is_no_answer_of_ours_is_told_by_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(NotAForecastError, match=f"^{reason}$"):
        logged(body)


def test_what_other_graphs_answered_is_never_taken_for_a_forecast() -> None:
    sent = [Event(read_header(headers), body, 0.0) for headers, body in recorded()]
    for each in sent:
        with pytest.raises(NotAForecastError):
            items_of(Exchange(each, None))
    assert sent


def test_a_routing_that_no_router_writes_is_left_out() -> None:
    message = answer(entry("4")) | {"meta": {"routing": {"router": 10**9}}}
    assert logged(message)[0].child is None


def test_the_last_day_of_the_calendar_is_a_day_as_any_other() -> None:
    rows = [*rows_of("4", "9999-12-31", 1), *rows_of("4", "9999-12-31", 1)]
    assert [each.days for each in logged(table(rows))] == [["9999-12-31"], ["9999-12-31"]]
