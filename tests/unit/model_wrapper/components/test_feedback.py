"""Feedback: what is read, what is refused, and who counts which day."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.serving.hostile_messages import MESSAGES

import model_wrapper.contract.feedback
from model_wrapper import StoreForecaster
from model_wrapper.components.feedback_counter import SeenDigests
from model_wrapper.components.live_error import child_that_answered, count
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import Feedback, JudgedDay, parse_feedback
from model_wrapper.contract.problems import MAX_PROBLEMS
from model_wrapper.metrics.counters import Counters
from model_wrapper.seldon import protobuf_bridge
from model_wrapper.settings import Settings
from model_wrapper.sharding import Layout

DAY, NEXT = "2015-06-20", "2015-06-22"
ROW_NAMES = ["store_id", "timestamp", "value", "lower", "upper", "source"]


def entry(store: str = "4", source: str = "fleet", alias: str = "champion", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    days = [{"timestamp": day, "value": 100.0, "lower": 80.0, "upper": 120.0} for day in (DAY, NEXT)]
    return {
        "request": {"storeId": store, "level": 0.8},
        "forecast": days,
        "model": {"source": source, "alias": alias, "version": "3"},
    } | changes


def sold(value: float = 110.0, store: object = "4", day: str = DAY) -> dict[str, Any]:
    return {"storeId": store, "timestamp": day, "value": value}


def feedback(response: object, *truth: object, **more: object) -> dict[str, Any]:
    return {"response": response, "truth": {"jsonData": list(truth)}, **more}


def read(message: object) -> Feedback:
    return parse_feedback(message, 1000)


def problems_of(message: object) -> dict[str, str]:
    with pytest.raises(BadRequestError) as caught:
        read(message)
    return {problem["path"]: problem["wanted"] for problem in caught.value.problems}


def test_a_truth_is_matched_by_store_and_day() -> None:
    found = read(feedback({"jsonData": [entry("4"), entry("5")]}, sold(110.0), sold(7.0, "9"), sold(8.0, "5", NEXT)))

    assert [(day.store_id, day.truth) for day in found.days] == [("4", 110.0), ("5", 8.0)]
    assert (found.unmatched, found.child) == (1, None)


@pytest.mark.parametrize(
    "truth",
    [
        {"jsonData": sold()},
        {"jsonData": [{"store_id": 4, "timestamp": f"{DAY}T00:00:00Z", "value": 110}]},
        {"jsonData": [sold(store=4.0)]},
        {"jsonData": [entry(forecast=[{"timestamp": DAY, "value": 110.0}])]},
        {"data": {"names": ["timestamp", "value", "store_id"], "ndarray": [[DAY, 110, 4]]}},
        {"data": {"names": ROW_NAMES, "ndarray": [["4", DAY, 110.0, None, None, "fleet"]]}},
    ],
)
@pytest.mark.parametrize(
    "response",
    [
        {"jsonData": [entry(), {"request": {"storeId": "x"}, "error": {"code": "UNKNOWN_STORE"}}]},
        {"data": {"names": ROW_NAMES, "ndarray": [["4", DAY, 100.0, 80.0, 120.0, "fleet"]]}},
        {"data": {"names": ROW_NAMES, "ndarray": [["4", DAY, 100, 80, 120, "fleet"], ["x", *[None] * 4, "error:X"]]}},
    ],
)
def test_entries_and_rows_are_read_alike(response: dict[str, Any], truth: dict[str, Any]) -> None:
    found = read({"response": response, "truth": truth})

    assert found.days == (JudgedDay("4", "fleet", "champion", 100.0, 80.0, 120.0, 110.0),)


def test_rows_of_a_challenger_are_known_by_the_answers_tags() -> None:
    rows = [[store, DAY, 100.0, 80.0, 120.0, "fleet"] for store in ("4", "5")]
    tags = {"challenger": {"fleet_version": "7", "stores": ["5"]}}
    response = {"data": {"names": ROW_NAMES, "ndarray": rows}, "meta": {"tags": tags, "routing": {"router": -1}}}
    found = read(feedback(response, sold(), sold(store="5")))

    assert [day.alias for day in found.days] == ["champion", "challenger"]


def test_every_problem_is_listed_with_its_path() -> None:
    bad = entry(model={"source": "oracle"}, forecast=[{"timestamp": "soon", "value": "1", "lower": 0, "upper": 1}, 5])
    found = problems_of(
        {
            "response": {"jsonData": [bad, 7], "colour": 1},
            "truth": {"jsonData": [sold(-1.0), sold(store=True), {"storeId": "4"}]},
            "reward": "much",
            "rewards": 1,
        }
    )

    assert {
        "rewards",
        "reward",
        "response.colour",
        "response.jsonData[0].model.source",
        "response.jsonData[0].forecast[0].timestamp",
        "response.jsonData[0].forecast[0].value",
        "response.jsonData[0].forecast[1]",
        "response.jsonData[1]",
        "truth.jsonData[0].value",
        "truth.jsonData[1].storeId",
        "truth.jsonData[2].timestamp",
        "truth.jsonData[2].value",
    } == found.keys()


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (5, ""),
        ({}, "truth"),
        ({"response": {"jsonData": [entry()]}}, "truth"),
        ({"truth": {"jsonData": [sold()]}}, "response"),
        (feedback({"jsonData": []}, sold()), "response.jsonData"),
        (feedback({"jsonData": [entry()]}), "truth.jsonData"),
        (feedback({"meta": {}}, sold()), "response"),
        (feedback({"data": {"names": ["store_id"], "ndarray": [["4"]]}}, sold()), "response.data.names"),
        (feedback({"data": {"names": ROW_NAMES, "ndarray": [["4"]]}}, sold()), "response.data.ndarray[0]"),
        (feedback({"data": 5}, sold()), "response.data"),
        ({**feedback({"jsonData": [entry()]}), "truth": {"data": {"ndarray": [["4", DAY, 1]]}}}, "truth.data.names"),
        (feedback({"jsonData": [entry()]}, sold(), sold()), "truth.jsonData[1]"),
        (feedback({"jsonData": [entry()]}, sold(store="9")), "truth"),
        (feedback({"jsonData": [entry()]}, sold(float("nan"))), "truth.jsonData[0].value"),
        (feedback({"jsonData": [entry()]}, sold(), reward=float("inf")), "reward"),
        (feedback({"jsonData": [entry(str(store)) for store in range(501)]}, sold()), "response"),
    ],
)
def test_what_cannot_be_judged_is_refused(message: object, path: str) -> None:
    assert path in problems_of(message)


@pytest.mark.parametrize(
    "parts",
    [
        lambda count: {"truth": {"jsonData": [{}] * count}},
        lambda count: {"response": {"jsonData": [{}] * count}},
        lambda count: {"truth": {"data": {"names": ["store_id", "timestamp", "value"], "ndarray": [[]] * count}}},
        lambda count: {f"truth{each}": 1 for each in range(count)},
    ],
    ids=["entries of the truth", "entries of the answer", "rows", "fields"],
)
def test_reading_stops_where_enough_problems_are_found(
    parts: Callable[[int], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    for name in ("problem", "problem_in_words"):
        monkeypatch.setattr(f"model_wrapper.contract.feedback.{name}", counting(name, calls))

    found = problems_of(feedback(entry(), sold()) | parts(4000))

    assert len(found) > 1
    assert len(calls) <= 3 * MAX_PROBLEMS


def counting(name: str, calls: list[object]) -> Callable[..., object]:
    real: Callable[..., object] = getattr(model_wrapper.contract.feedback, name)

    def count(*args: object) -> object:
        calls.append(args)
        return real(*args)

    return count


@pytest.mark.parametrize("name", ["value", "lower", "upper"])
@pytest.mark.parametrize("number", [1.7e308, -1.7e308, 10**400, float("nan")])
def test_a_forecast_that_would_spoil_the_live_error_for_good_is_refused(name: str, number: float) -> None:
    day = {"timestamp": DAY, "value": 1.0, "lower": 0.0, "upper": 2.0} | {name: number}

    path = f"response.jsonData[0].forecast[0].{name}"
    assert path in problems_of(feedback({"jsonData": [entry(forecast=[day])]}, sold()))


def test_a_reward_needs_no_truth() -> None:
    assert read({"reward": 1.5, "response": {"data": {"ndarray": [[1]]}}}) == Feedback()


@given(message=MESSAGES, other=MESSAGES)
def test_nothing_but_a_refusal_comes_of_what_a_client_sends(message: object, other: object) -> None:
    for each in (message, {"response": message, "truth": other}, {"response": {"jsonData": [entry()]}, "truth": other}):
        assert isinstance(read_or_refused(each), Feedback | BadRequestError)


def read_or_refused(message: object) -> Feedback | BadRequestError:
    try:
        return read(message)
    except BadRequestError as refusal:
        return refusal


days = st.builds(
    JudgedDay,
    st.sampled_from(["1", "2", "3", "4", "5", "6"]),
    st.sampled_from(["fleet", "store", "fallback"]),
    st.sampled_from(["champion", "challenger"]),
    *[st.floats(0, 100)] * 4,
)


@given(
    day=days,
    routing=st.sampled_from(
        [None, {}, {"router": -1}, {"router": 0, "b": 9}, {"router": 1.0}, {"router": 6}, {"a": 0}, {"a": 0, "b": 1}]
    ),
    layout=st.builds(Layout, st.integers(1, 4), st.sampled_from([0, 30, 100])),
)
def test_each_day_is_counted_by_exactly_one_child(day: JudgedDay, routing: object, layout: Layout) -> None:
    response = {"jsonData": [entry()], "meta": {} if routing is None else {"routing": routing}}
    child = child_that_answered(day, read(feedback(response, sold())), layout)
    last = layout.challenger if layout.challenger_share_percent > 0 else layout.fallback
    named = routing.get("router", -1) if isinstance(routing, dict) else -1
    by_the_day = child_that_answered(day, read(feedback({"jsonData": [entry()]}, sold())), layout)

    assert 0 <= child <= last
    assert child == (named if 0 <= named <= last else by_the_day)


def test_a_feedback_that_is_sent_again_is_counted_once() -> None:
    protobuf_bridge.install()
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - the bridge must be in place first
    from seldon_core.proto.prediction_pb2 import Feedback as Message  # noqa: PLC0415

    forecaster = StoreForecaster(Settings())
    answers = [{"jsonData": [entry()], "meta": {"puid": puid}} for puid in ("a", "a", "b")]
    for answer in answers:
        forecaster.send_feedback_raw(ParseDict(feedback(answer, sold()), Message()))
    forecaster.send_feedback_raw(ParseDict(feedback(answers[0], sold(value=1)), Message()))
    for _ in range(2):
        forecaster.send_feedback_raw(ParseDict({"reward": 1}, Message()))
    counted = {(each["key"], each["tags"].get("rewarded")): each["value"] for each in forecaster.counters.drain()}

    assert counted["storecast_feedback_days_total", None] == 3
    assert counted["storecast_feedback_total", "false"] == 3
    assert counted["storecast_feedback_total", "true"] == 2


def test_only_the_last_feedbacks_are_remembered() -> None:
    seen = SeenDigests(most=2)

    assert [seen.is_new(each) for each in (b"a", b"b", b"a", b"c", b"a", b"b")] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_errors_are_counted_by_source_and_alias_and_closed_days_apart() -> None:
    counters = Counters()
    made = [
        JudgedDay("4", "fleet", "champion", 100.0, 80.0, 120.0, 110.0),
        JudgedDay("4", "fleet", "champion", 100.0, 80.0, 120.0, 70.0),
        JudgedDay("4", "fleet", "champion", 0.0, 0.0, 0.0, 0.0),
        JudgedDay("5", "fallback", "champion", 0.0, 0.0, 0.0, 6.0),
    ]
    count(made, counters)
    counted = {(each["key"], each["tags"]["source"]): each["value"] for each in counters.drain()}

    assert counted == {
        ("storecast_feedback_days_total", "fleet"): 2,
        ("storecast_feedback_sales_total", "fleet"): 180.0,
        ("storecast_feedback_absolute_error_total", "fleet"): 40.0,
        ("storecast_feedback_over_forecast_total", "fleet"): 30.0,
        ("storecast_feedback_under_forecast_total", "fleet"): 10.0,
        ("storecast_feedback_covered_days_total", "fleet"): 1,
        ("storecast_feedback_closed_days_total", "fleet"): 1,
        ("storecast_feedback_days_total", "fallback"): 1,
        ("storecast_feedback_sales_total", "fallback"): 6.0,
        ("storecast_feedback_absolute_error_total", "fallback"): 6.0,
        ("storecast_feedback_under_forecast_total", "fallback"): 6.0,
        ("storecast_feedback_covered_days_total", "fallback"): 0.0,
    }
