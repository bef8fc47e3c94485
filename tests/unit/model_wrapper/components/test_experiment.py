"""A graph of plain objects with two shards, a fallback and a challenger: who answers which store, and for whom."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fleets import small_fleet

from model_wrapper import ChallengerForecaster, FallbackForecaster, StoreForecaster, StoreRouter
from model_wrapper.components.base import Component
from model_wrapper.settings import Settings
from model_wrapper.sharding import Layout

N_STORES = 40
WEEK = {"beginDate": "2015-06-20", "endDate": "2015-06-22"}
STORES = [str(store) for store in range(1, N_STORES + 1)]
ROWS = {"names": ["store_id", "begin_date", "end_date"]}


@dataclass
class Graph:
    """The components of a graph, and what the executor does with them."""

    router: StoreRouter
    children: list[StoreForecaster]

    def route(self, message: object) -> int:
        return int(self.router.route_raw(message)["data"]["ndarray"][0][0])

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        child = self.route(message)
        asked = self.children if child == -1 else [self.children[child]]
        return self.router.aggregate_raw([each.predict_raw(message) for each in asked])

    def entries(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.ask({"jsonData": list(items)})["jsonData"]
        return entries


def rounded(answer: Any) -> Any:  # noqa: ANN401 - any part of an answer
    """The same with 12 digits: one call for many stores sums in another order than one for few."""
    if isinstance(answer, dict):
        return {name: rounded(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [rounded(value) for value in answer]
    return float(f"{answer:.12g}") if isinstance(answer, float) else answer


def item(store: str, **more: object) -> dict[str, Any]:
    return {"storeId": store, **WEEK, **more}


def loaded(kind: type[Component], path: Path, **settings: Any) -> Any:  # noqa: ANN401 - a component of that kind
    made = kind(
        Settings(fleet_uri=str(path), challenger_uri=str(path), reload_seconds=0, **settings),
        today=lambda: date(2015, 6, 22),
    )
    made.load()
    return made


def graph_of(champion: Path, challenger: Path, *, share: float = 30, fallback: Path | None = None) -> Graph:
    wiring = {"shards": 2, "challenger_share": share, "behind_router": True}
    children = [
        loaded(StoreForecaster, champion, **wiring),
        loaded(StoreForecaster, champion, shard_index=1, **wiring),
        loaded(FallbackForecaster, fallback or champion, **wiring),
        loaded(ChallengerForecaster, challenger, **wiring),
    ]
    return Graph(loaded(StoreRouter, champion, unit_id="router", **wiring), children)


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("fleet") / "champion", N_STORES, without_model=[2])


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store fewer, other models, and some stores without one."""
    folder = tmp_path_factory.mktemp("fleet") / "challenger"
    return small_fleet(folder, N_STORES - 1, seed=8, without_model=[0, 1, 3, 4, 5])


@pytest.fixture(scope="module")
def graph(champion: Path, challenger: Path) -> Graph:
    return graph_of(champion, challenger)


def alias_of(store: str, share: float = 30) -> str:
    lacking = {"1", "2", "3", "4", "5", "6", "40"}  # no model in the one fleet or the other, or not known to it
    return "challenger" if Layout(2, share).challenges(store) and store not in lacking else "champion"


@pytest.mark.parametrize("share", [0, 30, 100])
def test_the_challenger_answers_its_share_and_the_answer_says_so(champion: Path, challenger: Path, share: int) -> None:
    graph = graph_of(champion, challenger, share=share)
    every = graph.entries(item("*"))
    single = [graph.entries(item(store))[0] for store in STORES]

    assert [entry["request"]["storeId"] for entry in every] == STORES
    assert [entry["model"]["alias"] for entry in every] == [alias_of(store, share) for store in STORES]
    assert rounded(single) == rounded(every)
    versions = {(entry["model"]["alias"], entry["model"]["version"]) for entry in every}
    assert len(versions) == (1 if share == 0 else 2)


def test_where_no_challenger_is_registered_its_stores_are_answered_by_the_champion(
    champion: Path, tmp_path: Path
) -> None:
    graph = graph_of(champion, tmp_path / "nothing here", share=50)
    alone = loaded(StoreForecaster, champion)

    assert graph.children[3].health_status() == {"status": "ready", "fleet": None}
    assert rounded(graph.entries(item("*"))) == rounded(alone.predict(item("*")))
    single = [graph.entries(item(store))[0] for store in STORES[:8]]
    assert rounded(single) == rounded(alone.predict([item(store) for store in STORES[:8]]))
    rows = {**ROWS, "ndarray": [[store, *WEEK.values()] for store in STORES]}
    assert rounded(graph.ask({"data": rows})["data"]) == rounded(alone.predict_raw({"data": rows})["data"])


def test_a_challenger_that_fails_costs_no_answer(champion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(champion, champion, share=100)

    def broken(*_: object) -> None:
        raise TypeError("secret")

    monkeypatch.setattr(graph.children[3].served.fleet, "predict", broken)
    entries = graph.entries(item("7"), item("8"))

    assert [entry["model"]["alias"] for entry in entries] == ["champion"] * 2
    assert "secret" not in str(entries)


@pytest.mark.parametrize("meta", ["x", 7, {"tags": [1]}, {"tags": None}, {"requestPath": 5}, {"puid": 5}])
def test_a_challenger_leaves_a_request_whose_meta_nobody_can_read(meta: object) -> None:
    lonely = ChallengerForecaster(Settings(behind_router=True, challenger_share=10))
    message = lonely.predict_raw({"jsonData": item("1"), "meta": meta})

    assert message["jsonData"] == []
    assert message["meta"]["tags"]["storecast"]["left"]
    assert "puid" not in message["meta"]


def test_rows_name_the_challengers_stores_in_the_tags(graph: Graph) -> None:
    rows = {**ROWS, "ndarray": [["*", *WEEK.values()]]}
    answer = graph.ask({"data": rows})
    tags = answer["meta"]["tags"]

    assert set(tags["challenger"]["stores"]) == {store for store in STORES if alias_of(store) == "challenger"}
    assert tags["fleet_version"] == graph.router.served.version != tags["challenger"]["fleet_version"]
    assert [row[0] for row in answer["data"]["ndarray"]] == [store for store in STORES for _ in range(3)]


def test_one_owner_is_one_call_and_its_index_is_in_the_answer(graph: Graph) -> None:
    challenged = next(store for store in STORES if alias_of(store) == "challenger")
    shard = next(store for store in STORES[6:] if not Layout(2, 30).challenges(store))
    children = [graph.route({"jsonData": item(store)}) for store in (challenged, shard, "3", "nobody")]

    assert children == [3, Layout(2, 30).child_of(shard, known=True, has_model=True), 2, 0]
    # The challenger is not named: feedback that comes after the experiment must still find a child.
    assert graph.ask({"jsonData": item(challenged)})["meta"]["routing"] == {"router": -1}
    assert graph.ask({"jsonData": [item(challenged), item("3")]})["meta"]["routing"] == {"router": -1}


def test_a_new_store_with_a_hint_is_answered_by_the_fallback(graph: Graph) -> None:
    hinted = item("new", expectedSales=5000)
    (entry,) = graph.entries(hinted)

    assert graph.route({"jsonData": hinted}) == 2
    assert (entry["model"]["source"], entry["request"]["expectedSales"]) == ("fallback", 5000.0)
    assert [day["note"] for day in entry["forecast"]] == ["calendar-assumed", "closed", "calendar-assumed"]
    double = graph.entries(item("new", expected_sales=10000))[0]["forecast"]
    assert double[0]["value"] == pytest.approx(2 * entry["forecast"][0]["value"])
    rows = {
        "names": ["store_id", "begin_date", "end_date", "expected_sales"],
        "ndarray": [["new", *WEEK.values(), 5000]],
    }
    answered = graph.ask({"data": rows})["data"]["ndarray"]
    assert [row[2] for row in answered] == [day["value"] for day in entry["forecast"]]


def test_a_new_store_without_a_hint_is_told_that_one_may_be_given(graph: Graph) -> None:
    known, new = graph.entries(item("7"), item("new"))

    assert "forecast" in known
    assert new["error"]["code"] == "UNKNOWN_STORE"
    assert "expectedSales" in new["error"]["message"]


@pytest.mark.parametrize("store", ["7", "3"])
def test_a_store_with_a_history_is_answered_as_without_the_hint(graph: Graph, store: str) -> None:
    (plain,), (hinted,) = graph.entries(item(store)), graph.entries(item(store, expectedSales=1))

    assert (hinted["forecast"], hinted["model"]) == (plain["forecast"], plain["model"])


def test_an_unknown_group_is_a_problem_of_the_request(champion: Path) -> None:
    refused = loaded(StoreForecaster, champion).predict_raw({"jsonData": item("new", expectedSales=5, group="a")})

    assert [problem["path"] for problem in refused["jsonData"]["problems"]] == ["jsonData.group"]


def test_children_of_several_versions_give_an_answer_of_one(champion: Path, challenger: Path) -> None:
    graph = graph_of(champion, champion, share=0, fallback=challenger)
    graph.children[1] = loaded(
        StoreForecaster, challenger, shards=2, shard_index=1, challenger_share=0, behind_router=True
    )
    alone = loaded(StoreForecaster, champion)

    for asked in (item("*"), [item(store) for store in STORES]):
        assert rounded(graph.ask({"jsonData": asked})["jsonData"]) == rounded(alone.predict(asked))
    single = [graph.entries(item(store))[0] for store in STORES]
    assert [entry["request"]["storeId"] for entry in single] == STORES
    assert all("forecast" in entry for entry in single)


def test_overrides_change_the_answer_and_never_the_stored_calendar(champion: Path) -> None:
    component = loaded(StoreForecaster, champion)
    calendar = component.served.fleet.calendar
    before = {name: values.tobytes() for name, values in calendar.values.items()}
    closed = item("7", overrides={"open": {"2015-06-20": 0}, "promo": {"2015-06-22": 0}})
    (plain, changed), echo = component.predict([item("7"), closed]), closed["overrides"]

    assert changed["forecast"][0] == {
        "timestamp": "2015-06-20",
        "value": 0.0,
        "lower": 0.0,
        "upper": 0.0,
        "note": "closed",
    }
    assert changed["forecast"][2]["value"] != plain["forecast"][2]["value"]
    assert changed["request"]["overrides"] == echo
    assert {name: values.tobytes() for name, values in calendar.values.items()} == before
    for values in calendar.values.values():
        assert isinstance(values, np.memmap) or isinstance(values.base, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            values[0, 0] = 1
    assert component.predict(item("7")) == [plain]
