"""The published contract against a real component: requests made from the schema, and what holds of every answer."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from support.fleets import small_fleet
from support.processes import RunningComponent, component
from support.serving.contract_check import document, faults_of
from support.serving.hostile_messages import MESSAGES

from model_wrapper.contract.days import DAY_WANTED

N_STORES = 6
STORES = [str(number + 1) for number in range(N_STORES)]
PREDICTIONS, FEEDBACK = "/api/v1.0/predictions", "/api/v1.0/feedback"
# A schema's first example may take long, and parts of it are hard to satisfy; neither is what is tested.
patient = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)

API = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningComponent]:
    path = small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", N_STORES, without_model=[2])
    environ = {"STORECAST_FLEET_URI": str(path), "PREDICTIVE_UNIT_ID": "forecaster"}
    with component("StoreForecaster", path.parent, environ) as running:
        yield running


def requests_of(path: str, mode: GenerationMode) -> st.SearchStrategy[Case[Any]]:
    return API[path]["POST"].as_strategy(generation_mode=mode)


def asked_with(case: Case[Any], served: RunningComponent) -> tuple[int, bytes]:
    reply = case.call(base_url=f"http://127.0.0.1:{served.port}", timeout=60)
    return reply.status_code, reply.content


@patient
@given(requests_of(PREDICTIONS, GenerationMode.POSITIVE))
def test_a_request_that_fits_the_schema_is_answered_or_refused_as_published(
    served: RunningComponent, case: Case[Any]
) -> None:
    assert faults_of(*asked_with(case, served)) == []


# What a schema cannot say, because only the fleet, the settings or another field know it.
BEYOND_TYPES = (
    "one of the calendar columns", "one of the groups", "no group: this fleet has none", "0 or 1", "one of 0, a, b, c",
    "a finite number of at most", "a day from", "a day not before", "at most ", "only one of", "spelled in one way",
    "each column once", "the column store_id",
)  # fmt: skip


def is_of_a_type(problem: dict[str, str]) -> bool:
    """Whether a request is refused for what its schema has already said."""
    wanted, got, path = problem["wanted"], problem["got"], problem["path"]
    if "data.ndarray[" in path:
        return False  # which cell is which column's no schema can say
    if wanted == DAY_WANTED:
        day = json.loads(got) if got.startswith('"') else path.rpartition(".")[2]
        return is_day(day[:10])
    return not any(known in wanted for known in BEYOND_TYPES)


def is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


@patient
@given(requests_of(PREDICTIONS, GenerationMode.POSITIVE))
def test_a_request_that_fits_the_schema_is_never_refused_for_its_types(
    served: RunningComponent, case: Case[Any]
) -> None:
    status, body = asked_with(case, served)
    problems = json.loads(body)["jsonData"]["problems"] if status == 400 else []

    assert [problem for problem in problems if is_of_a_type(problem)] == []


@patient
@given(requests_of(PREDICTIONS, GenerationMode.NEGATIVE))
def test_a_request_that_breaks_the_schema_is_refused_as_published(served: RunningComponent, case: Case[Any]) -> None:
    status, body = asked_with(case, served)

    assert faults_of(status, body) == []
    assert status == 400


@patient
@given(st.one_of(requests_of(FEEDBACK, GenerationMode.POSITIVE), requests_of(FEEDBACK, GenerationMode.NEGATIVE)))
def test_no_feedback_is_a_bug_of_ours(served: RunningComponent, case: Case[Any]) -> None:
    assert asked_with(case, served)[0] in {200, 400}


@given(MESSAGES)
def test_whatever_json_is_sent_the_answer_keeps_the_contract(served: RunningComponent, message: object) -> None:
    reply = served.post(PREDICTIONS, message)

    assert faults_of(reply.status, reply.body) == []


# Requests that can be read: stores of every kind, days inside and outside of what is known.
FIRST, LAST = dt.date(2014, 12, 1), dt.date(2016, 7, 1)
FLAGS = {0: [0, 0.0, False, "0", "0.0", "false", "no"], 1: [1, 1.0, True, "1", "1.0", "TRUE", "y"]}
SPELLINGS: dict[str, dict[Any, list[Any]]] = {
    "open": FLAGS,
    "promo": FLAGS,
    "state_holiday": {"0": [0, 0.0, False, "0", "0.0"], **{kind: [kind] for kind in "abc"}},
}
OVERRIDES = {column: st.sampled_from(list(values)) for column, values in SPELLINGS.items()}
CLOCKS = ("", "T00:00:00Z", " 00:00:00", "T00:00:00+02:00", "T00:00-11:00")


@st.composite
def item(draw: st.DrawFn) -> dict[str, Any]:
    begin = draw(st.dates(FIRST, LAST))
    end = begin + dt.timedelta(days=draw(st.integers(0, 20)))
    asked: dict[str, Any] = {"storeId": draw(st.sampled_from([*STORES, "nobody"]))}
    asked |= {"beginDate": str(begin), "endDate": str(end), "level": draw(st.sampled_from([0.5, 0.8, 0.95]))}
    if draw(st.booleans()):
        column = draw(st.sampled_from(sorted(OVERRIDES)))
        days = st.integers(-14, 14).map(lambda days: str(begin + dt.timedelta(days=days)))
        asked["overrides"] = {column: draw(st.dictionaries(days, OVERRIDES[column], min_size=1, max_size=5))}
    return asked


ITEMS = st.lists(item(), min_size=1, max_size=8)


def answered(served: RunningComponent, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    reply = served.post(PREDICTIONS, {"jsonData": asked})
    assert faults_of(reply.status, reply.body) == []
    assert reply.status == 200, reply.body
    entries: list[dict[str, Any]] = reply.json()["jsonData"]
    return entries


@given(ITEMS)
def test_every_item_has_its_answer_in_the_order_asked(served: RunningComponent, asked: list[dict[str, Any]]) -> None:
    entries = answered(served, asked)
    echoed = [{name: entry["request"][name] for name in item} for entry, item in zip(entries, asked, strict=True)]

    assert echoed == asked


@given(ITEMS)
def test_bounds_hold_the_value_and_a_closed_day_is_exactly_zero(
    served: RunningComponent, asked: list[dict[str, Any]]
) -> None:
    for entry, item in zip(answered(served, asked), asked, strict=True):
        for day in entry.get("forecast", []):
            closed_by_hand = item.get("overrides", {}).get("open", {}).get(day["timestamp"]) == 0
            assert 0 <= day["lower"] <= day["value"] <= day["upper"]
            assert (day.get("note") == "closed") == (day["upper"] == 0)
            assert day.get("note") == "closed" or not closed_by_hand


@given(ITEMS)
def test_a_forecast_has_every_day_asked_and_no_other(served: RunningComponent, asked: list[dict[str, Any]]) -> None:
    for entry, item in zip(answered(served, asked), asked, strict=True):
        begin, end = (dt.date.fromisoformat(item[name]) for name in ("beginDate", "endDate"))
        wanted = [str(begin + dt.timedelta(days=day)) for day in range((end - begin).days + 1)]
        assert [day["timestamp"] for day in entry.get("forecast", [])] == ([] if "error" in entry else wanted)


@given(ITEMS.flatmap(lambda asked: st.tuples(st.just(asked), st.permutations(range(len(asked))))))
def test_items_in_another_order_are_answered_alike(
    served: RunningComponent, case: tuple[list[dict[str, Any]], list[int]]
) -> None:
    asked, order = case
    entries = answered(served, asked)

    assert answered(served, [asked[place] for place in order]) == [entries[place] for place in order]


@given(ITEMS)
def test_one_request_for_many_stores_answers_as_many_requests_for_one(
    served: RunningComponent, asked: list[dict[str, Any]]
) -> None:
    assert answered(served, asked) == [answered(served, [item])[0] for item in asked]


@given(ITEMS, st.data())
def test_the_same_question_in_another_spelling_has_the_same_numbers(
    served: RunningComponent, asked: list[dict[str, Any]], data: st.DataObject
) -> None:
    def spelled(item: dict[str, Any]) -> dict[str, Any]:
        store, clock = item["storeId"], data.draw(st.sampled_from(CLOCKS))
        stores = [store, int(store), float(store), f"{store}.0"] if store.isdecimal() else [store]
        days = {name: item[name] + clock for name in ("beginDate", "endDate")}
        overrides = {
            column: {day + clock: data.draw(st.sampled_from(SPELLINGS[column][value])) for day, value in values.items()}
            for column, values in item.get("overrides", {}).items()
        }
        return item | days | {"storeId": data.draw(st.sampled_from(stores)), "overrides": overrides}

    entries = answered(served, [spelled(item) for item in asked])

    for entry, plain in zip(entries, answered(served, asked), strict=True):
        assert entry["request"]["storeId"] == plain["request"]["storeId"]
        assert entry.get("forecast") == plain.get("forecast")


@given(ITEMS)
def test_the_same_question_has_the_same_answer(served: RunningComponent, asked: list[dict[str, Any]]) -> None:
    first, second = (served.post(PREDICTIONS, {"jsonData": asked}).body for _ in range(2))

    assert first == second


@given(ITEMS)
def test_rows_and_json_tell_the_same_numbers(served: RunningComponent, asked: list[dict[str, Any]]) -> None:
    columns = ["storeId", "beginDate", "endDate", "level", "overrides"]
    rows = {"names": columns, "ndarray": [[item.get(column) for column in columns] for item in asked]}
    reply = served.post(PREDICTIONS, {"data": rows})
    told = [
        [entry["request"]["storeId"], day["timestamp"], day["value"], day["lower"], day["upper"]]
        for entry in answered(served, asked)
        for day in entry.get("forecast", [])
    ]

    assert faults_of(reply.status, reply.body) == []
    assert [row[:5] for row in reply.json()["data"]["ndarray"] if row[1] is not None] == told
