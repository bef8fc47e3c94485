"""The Seldon classes as plain objects: what they answer, count and refuse without any server."""

from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from support.fleets import small_fleet
from support.serving.hostile_messages import MESSAGES

from model_wrapper import FallbackForecaster, StoreForecaster, StoreRouter
from model_wrapper.components.base import Component
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.settings import Settings

C = TypeVar("C", bound="Component")
ITEM = {"storeId": "4", "beginDate": "2015-06-20", "endDate": "2015-06-21"}


@pytest.fixture(scope="module")
def graph(path: Path) -> tuple[StoreRouter, list[StoreForecaster]]:
    children = [loaded(kind, path, behind_router=True) for kind in (StoreForecaster, FallbackForecaster)]
    return loaded(StoreRouter, path), children


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", without_model=[2])


def loaded(kind: type[C], path: Path, **settings: Any) -> C:  # noqa: ANN401
    component = kind(Settings(fleet_uri=str(path), **settings), today=lambda: date(2015, 6, 22))
    component.load()
    return component


def metric(message: dict[str, Any], key: str) -> dict[str, float]:
    found = [each for each in message["meta"]["metrics"] if each["key"] == key]
    return {"/".join(each["tags"].values()): each["value"] for each in found}


def test_a_forecaster_alone_answers_a_store_without_model_from_the_fallback(path: Path) -> None:
    answer = loaded(StoreForecaster, path).predict_raw({"jsonData": [ITEM, {**ITEM, "storeId": "3"}]})

    assert [entry["model"]["source"] for entry in answer["jsonData"]] == ["fleet", "fallback"]


def test_behind_a_router_it_leaves_what_is_not_its_own(path: Path) -> None:
    message = {"jsonData": [ITEM, {**ITEM, "storeId": "3"}, {**ITEM, "storeId": "x"}]}
    owned = loaded(StoreForecaster, path, behind_router=True).predict_raw(message)["jsonData"]
    left = loaded(FallbackForecaster, path, behind_router=True).predict_raw(message)["jsonData"]

    assert [entry is not None for entry in owned] == [True, False, True]
    assert [entry is not None for entry in left] == [False, True, False]


def test_shards_share_the_stores_without_overlap(path: Path) -> None:
    message = {"jsonData": {**ITEM, "storeId": "*"}}
    shards = [
        loaded(StoreForecaster, path, behind_router=True, shards=3, shard_index=index).predict_raw(message)["jsonData"]
        for index in range(3)
    ]
    answered = [sum(shard[place] is not None for shard in shards) for place in range(5)]

    assert answered == [1, 1, 0, 1, 1]


def test_the_fallback_asked_alone_answers_every_store(path: Path) -> None:
    answer = loaded(FallbackForecaster, path).predict_raw({"jsonData": {**ITEM, "storeId": "*"}})

    assert {entry["model"]["source"] for entry in answer["jsonData"]} == {"fallback"}


def test_one_request_for_many_stores_is_one_call_of_the_fleet(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    component = loaded(StoreForecaster, path)
    calls: list[int] = []
    predict = component.served.fleet.predict

    def counted(store_ids: list[str], *arguments: Any) -> Any:  # noqa: ANN401
        calls.append(len(store_ids))
        return predict(store_ids, *arguments)

    monkeypatch.setattr(component.served.fleet, "predict", counted)
    closed = {"overrides": {"open": {"2015-06-20": 0}}}
    component.predict_raw({"jsonData": [{**ITEM, "storeId": store} for store in ("1", "2", "4", "1")]})
    component.predict_raw({"jsonData": [{**ITEM, **closed, "storeId": store} for store in ("1", "2")]})

    assert calls == [4, 2]


def spoiled(component: StoreForecaster, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first store of every call of `name` have a day without a number."""
    call = getattr(component.served.fleet, name)

    def broken(*arguments: Any) -> Any:  # noqa: ANN401
        forecast = call(*arguments)
        forecast.value[0, 0] = np.nan
        return forecast

    monkeypatch.setattr(component.served.fleet, name, broken)


def test_a_store_whose_model_is_unusable_is_answered_from_its_fallback(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    component = loaded(StoreForecaster, path, behind_router=True)
    spoiled(component, "predict", monkeypatch)
    one, two = component.predict_raw({"jsonData": [ITEM, {**ITEM, "storeId": "1"}]})["jsonData"]

    assert (one["model"]["source"], two["model"]["source"]) == ("fallback", "fleet")
    assert one["forecast"] == loaded(FallbackForecaster, path).predict(ITEM)[0]["forecast"]


def test_a_store_without_any_usable_number_is_an_error_of_its_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    component = loaded(StoreForecaster, path)
    spoiled(component, "predict", monkeypatch)
    spoiled(component, "fallback", monkeypatch)
    answer = component.predict_raw({"jsonData": [ITEM, {**ITEM, "storeId": "1"}]})
    one, two = answer["jsonData"]

    assert metric(answer, "storecast_unusable_models_total") == {"fleet": 1, "fallback": 1}
    assert one["error"]["code"] == "FORECAST_FAILED"
    assert "forecast" in two


def test_a_bug_is_answered_once_as_500_without_its_details(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    component = loaded(StoreForecaster, path)
    calls: list[int] = []

    def broken(*_: object) -> None:
        calls.append(1)
        raise TypeError("secret")

    monkeypatch.setattr(component.served.fleet, "predict", broken)
    answer = component.predict_raw({"jsonData": ITEM})

    assert answer["status"]["code"] == 500
    assert "secret" not in str(answer)
    assert len(calls) == 1


def test_without_a_fleet_the_answer_is_503(path: Path) -> None:
    component = StoreForecaster(Settings(fleet_uri=str(path)))

    assert component.predict_raw({"jsonData": ITEM})["status"]["code"] == 503
    with pytest.raises(FleetUnavailableError):
        component.predict(ITEM)


def test_plain_callers_get_entries_or_rows(path: Path) -> None:
    component = loaded(StoreForecaster, path)
    rows = component.predict(np.array([["4", "2015-06-20", "2015-06-20"]]), ["store_id", "begin_date", "end_date"])

    assert rows[0][:2] == ["4", "2015-06-20"]
    assert component.predict(ITEM)[0]["request"]["storeId"] == "4"
    with pytest.raises(BadRequestError):
        component.predict({"storeId": True})


def test_items_and_outcomes_are_counted_once(path: Path) -> None:
    component = loaded(StoreForecaster, path)
    first = component.predict_raw({"jsonData": [ITEM, {**ITEM, "storeId": "x"}]})
    second = component.predict_raw({"jsonData": 5})

    assert metric(first, "storecast_items_total") == {"fleet": 1, "error": 1}
    assert metric(first, "storecast_unusable_models_total") == {}
    assert metric(first, "storecast_requests_total") == {"answered": 1}
    assert metric(second, "storecast_items_total") == {}
    assert metric(second, "storecast_requests_total") == {"refused": 1}


def test_the_requests_tags_and_puid_come_back_but_no_marks(path: Path) -> None:
    meta = {"puid": "p", "tags": {"mine": 1, "storecast": {"rows": [9]}}, "requestPath": {"before": "i:1"}}
    answer = loaded(StoreForecaster, path, unit_id="f", unit_image="i:2").predict_raw({"jsonData": ITEM, "meta": meta})

    assert answer["meta"]["puid"] == "p"
    assert answer["meta"]["tags"]["mine"] == 1
    assert "storecast" not in answer["meta"]["tags"]
    assert answer["meta"]["requestPath"] == {"before": "i:1", "f": "i:2"}


ROWS = {"names": ["store_id"], "ndarray": [["4"], ["3"], ["x"]]}


def through(graph: tuple[StoreRouter, list[StoreForecaster]], message: dict[str, Any]) -> dict[str, Any]:
    """Do what the executor does."""
    router, children = graph
    child = router.route_raw(message)["data"]["ndarray"][0][0]
    return router.aggregate_raw([each.predict_raw(message) for each in (children if child < 0 else [children[child]])])


@pytest.mark.parametrize(
    "payload", [{"jsonData": ITEM}, {"jsonData": [ITEM, {**ITEM, "storeId": "3"}]}, {"data": ROWS}]
)
def test_the_requests_puid_comes_back_through_the_router(
    graph: tuple[StoreRouter, list[StoreForecaster]], payload: dict[str, Any]
) -> None:
    assert through(graph, {**payload, "meta": {"puid": "p"}})["meta"]["puid"] == "p"
    assert "puid" not in through(graph, payload)["meta"]


def test_an_answer_by_rows_says_when_the_begin_was_clipped(graph: tuple[StoreRouter, list[StoreForecaster]]) -> None:
    late = {"names": ["store_id", "end_date"], "ndarray": [["4", "2015-06-10"], ["3", None]]}

    assert through(graph, {"data": late})["meta"]["tags"]["clipped_from"] == "2015-06-22"
    assert "clipped_from" not in through(graph, {"data": ROWS})["meta"]["tags"]


@pytest.mark.parametrize("mine", [5, "x", [{}], [{"line": "x"}]])
def test_a_clients_tag_with_the_name_of_ours_changes_nothing(
    graph: tuple[StoreRouter, list[StoreForecaster]], mine: object
) -> None:
    tags = through(graph, {"data": ROWS, "meta": {"tags": {"errors": mine, "storecast": mine}}})["meta"]["tags"]

    assert [error["storeId"] for error in tags["errors"]] == ["x"]
    assert "storecast" not in tags


@pytest.mark.parametrize(
    ("stores", "child"), [(["4"], 0), (["3"], 1), (["3", "4"], -1), (["x"], 0), (["x", "4"], 0), (["*"], -1)]
)
def test_a_route_is_a_built_in_int(path: Path, stores: list[str], child: int) -> None:
    routed = loaded(StoreRouter, path).route([{**ITEM, "storeId": store} for store in stores])

    assert (routed, type(routed)) == (child, int)


@pytest.mark.parametrize("message", [None, 5, [], "x", {"jsonData": []}, {"data": 5}, {"meta": 5, "jsonData": ITEM}])
def test_what_cannot_be_read_is_routed_to_the_first_child(path: Path, message: object) -> None:
    assert loaded(StoreRouter, path).route_raw(message)["data"]["ndarray"] == [[0]]


def test_a_component_without_a_fleet_gives_back_whose_request_it_was() -> None:
    message = {"jsonData": ITEM, "meta": {"puid": "p", "tags": {"mine": 1, "storecast": {"rows": [9]}}}}
    answer = FallbackForecaster(Settings()).predict_raw(message)

    assert answer["status"]["code"] == 503
    assert (answer["meta"]["puid"], answer["meta"]["tags"]) == ("p", {"mine": 1})


@given(message=MESSAGES)
def test_nothing_that_a_client_sends_is_a_500_or_an_impossible_route(
    graph: tuple[StoreRouter, list[StoreForecaster]], message: object
) -> None:
    router, children = graph
    child = router.route_raw(message)["data"]["ndarray"][0][0]
    answers = [each.predict_raw(message) for each in (children if child == -1 else [children[child]])]
    codes = {answer.get("status", {}).get("code", 200) for answer in answers}

    assert child in {-1, 0, 1}
    assert codes in ({200}, {400})
    if codes == {200}:
        merged = router.aggregate_raw(answers)
        assert merged["meta"]["routing"] == {"router": child}
        assert "NOT_ANSWERED" not in str(merged)


def test_rows_are_routed_as_objects_are(path: Path) -> None:
    router = loaded(StoreRouter, path)

    assert router.route(np.array([["3"], ["3"]]), ["store_id"]) == 1


def test_a_router_without_a_fleet_asks_everybody(tmp_path: Path) -> None:
    router = StoreRouter(Settings(fleet_uri=str(tmp_path / "none")))
    router.load()

    assert router.route(ITEM) == -1


def test_plain_entries_are_merged(path: Path) -> None:
    message = [ITEM, {**ITEM, "storeId": "3"}]
    lists = [loaded(kind, path, behind_router=True).predict(message) for kind in (StoreForecaster, FallbackForecaster)]

    assert loaded(StoreRouter, path).aggregate(lists) == loaded(StoreForecaster, path).predict(message)
