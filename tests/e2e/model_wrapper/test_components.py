"""The components of the graph as real processes on loopback, over small fleets."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fleets import small_fleet
from support.processes import Reply, RunningComponent, component
from support.serving.malformed import MALFORMED, UNREADABLE

from fleet import Fleet

N_STORES = 1115
WITHOUT_MODEL = [2, 7]  # rows: the stores 3 and 8
DAYS = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}


@pytest.fixture(scope="module")
def fleet_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", N_STORES, without_model=WITHOUT_MODEL)


@pytest.fixture(scope="module")
def alone(fleet_path: Path) -> Iterator[RunningComponent]:
    environ = {"STORECAST_FLEET_URI": str(fleet_path), "PREDICTIVE_UNIT_ID": "forecaster"}
    with component("StoreForecaster", fleet_path.parent, environ) as running:
        yield running


class Graph:
    """Does by hand what the executor does with our graph."""

    def __init__(self, router: RunningComponent, children: list[RunningComponent]) -> None:
        self.router = router
        self.children = children

    def route(self, message: object) -> int:
        return int(self.router.post("/route", message).json()["data"]["ndarray"][0][0])

    def ask(self, message: object) -> Reply:
        child = self.route(message)
        asked = self.children if child == -1 else [self.children[child]]
        replies = [each.predict(message) for each in asked]
        refused = [reply for reply in replies if reply.status != 200]
        return refused[0] if refused else self.router.post("/aggregate", [reply.json() for reply in replies])


@pytest.fixture(scope="module")
def graph(fleet_path: Path) -> Iterator[Graph]:
    environ = {"STORECAST_FLEET_URI": str(fleet_path), "STORECAST_SHARDS": "2", "STORECAST_BEHIND_ROUTER": "true"}
    first, second = ({**environ, "STORECAST_SHARD_INDEX": str(index)} for index in (0, 1))
    folder = fleet_path.parent
    with (
        component("StoreRouter", folder, {**environ, "PREDICTIVE_UNIT_ID": "router"}) as router,
        component("StoreForecaster", folder, {**first, "PREDICTIVE_UNIT_ID": "forecaster-0"}) as one,
        component("StoreForecaster", folder, {**second, "PREDICTIVE_UNIT_ID": "forecaster-1"}) as two,
        component("FallbackForecaster", folder, {**environ, "PREDICTIVE_UNIT_ID": "fallback"}) as fallback,
    ):
        yield Graph(router, [one, two, fallback])


def item(store_id: object, **more: object) -> dict[str, Any]:
    return {"storeId": store_id, **DAYS, **more}


@pytest.mark.parametrize(("message", "paths"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_a_malformed_request_is_400_and_names_every_problem(
    alone: RunningComponent, message: object, paths: list[str]
) -> None:
    reply = alone.predict(message)
    answer = reply.json()

    assert reply.status == 400
    assert sorted(problem["path"] for problem in answer["jsonData"]["problems"]) == sorted(paths)
    assert answer["status"]["reason"] == "STORECAST_BAD_REQUEST"
    assert all(problem["wanted"] in answer["status"]["info"] for problem in answer["jsonData"]["problems"])


@pytest.mark.parametrize(
    ("body", "kind", "said"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE]
)
@pytest.mark.parametrize("path", ["/predict", "/send-feedback"])
def test_an_unreadable_body_is_400_and_says_why(
    alone: RunningComponent, path: str, body: bytes, kind: str, said: str
) -> None:
    reply = alone.send("POST", path, body, {"Content-Type": kind} if kind else {})

    assert reply.status == 400
    assert said in reply.json()["status"]["info"]


META = {"puid": "order-77", "tags": {"customer": 5, "storecast": {"child": 9}}}
GIVEN_BACK = {"puid": "order-77", "tags": {"customer": 5}}


def given_back(reply: Reply) -> dict[str, Any]:
    meta = reply.json().get("meta", {})
    return {name: meta[name] for name in GIVEN_BACK if name in meta}


@pytest.mark.parametrize(
    "message",
    [case[1] for case in MALFORMED if isinstance(case[1], dict) and "meta" not in case[1]],
)
def test_a_refusal_gives_back_whose_it_is(alone: RunningComponent, graph: Graph, message: dict[str, Any]) -> None:
    asked = {**message, "meta": META}

    assert given_back(alone.predict(asked)) == GIVEN_BACK
    assert given_back(graph.ask(asked)) == GIVEN_BACK


@pytest.mark.parametrize("path", ["/predict", "/send-feedback"])
@pytest.mark.parametrize("rest", ['"jsonData": {', '"jsonData": nope}', '"jsonData": 1} more', '"jsonData": "\xff"}'])
def test_the_refusal_of_a_broken_body_gives_back_what_stood_before_the_break(
    alone: RunningComponent, path: str, rest: str
) -> None:
    body = f'{{"meta": {json.dumps(META)},\n "x": 0, {rest}'.encode("latin-1")

    reply = alone.send("POST", path, body, {"Content-Type": "application/json"})
    untyped = alone.send("POST", path, body, {})

    assert (reply.status, untyped.status) == (400, 400)
    assert given_back(reply) == given_back(untyped) == GIVEN_BACK


@pytest.mark.parametrize("part", ["request", "response"])
def test_a_refused_feedback_gives_back_whose_it_is(alone: RunningComponent, part: str) -> None:
    reply = alone.post("/send-feedback", {part: {"meta": META}, "truth": {"jsonData": []}})

    assert reply.status == 400
    assert given_back(reply) == GIVEN_BACK


def test_refused_answers_of_children_give_back_whose_they_are(graph: Graph) -> None:
    strange = {"jsonData": 3, "meta": {**META, "tags": {"customer": 5, "storecast": {}}}}
    reply = graph.router.post("/aggregate", [5, strange])

    assert reply.status == 400
    assert given_back(reply) == GIVEN_BACK


def test_a_broken_multipart_form_is_400(alone: RunningComponent) -> None:
    assert alone.send("POST", "/predict", b"--x\r\n", {"Content-Type": "multipart/form-data"}).status == 400


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_400(alone: RunningComponent, constant: str) -> None:
    body = f'{{"jsonData": {{"storeId": "1", "overrides": {{"temperature": {{"2015-07-25": {constant}}}}}}}}}'

    assert alone.send("POST", "/predict", body.encode(), {"Content-Type": "application/json"}).status == 400


def test_unknown_paths_and_wrong_methods_are_no_500(alone: RunningComponent) -> None:
    assert alone.get("/nothing").status == 404
    assert alone.send("DELETE", "/predict").status == 405
    assert alone.post("/route", {"jsonData": item("1")}).status == 404


def test_one_store_is_answered_with_the_numbers_of_the_fleet(alone: RunningComponent, fleet_path: Path) -> None:
    entry = alone.predict({"jsonData": item(4)}).json()["jsonData"][0]
    expected = Fleet.open(fleet_path).predict(["4"], np.arange("2015-06-20", "2015-06-27", dtype="datetime64[D]"))

    assert [day["value"] for day in entry["forecast"]] == expected.value[0].tolist()
    assert [day["lower"] for day in entry["forecast"]] == expected.lower[0].tolist()
    assert [day["timestamp"] for day in entry["forecast"]] == expected.dates.astype(str).tolist()
    assert entry["model"] == {
        "source": "fleet",
        "alias": "champion",
        "version": Fleet.open(fleet_path).version,
        "trainedThrough": "2015-06-19",
    }


def test_a_closed_day_is_exactly_zero(alone: RunningComponent) -> None:
    sunday = alone.predict({"jsonData": item("4")}).json()["jsonData"][0]["forecast"][1]

    assert sunday == {"timestamp": "2015-06-21", "value": 0.0, "lower": 0.0, "upper": 0.0, "note": "closed"}


def test_an_override_changes_the_answer_and_is_echoed(alone: RunningComponent) -> None:
    overrides = {"open": {"2015-06-20": 0}}
    entry = alone.predict({"jsonData": item("4", overrides=overrides)}).json()["jsonData"][0]

    assert entry["forecast"][0]["note"] == "closed"
    assert entry["request"]["overrides"] == overrides


def test_days_after_the_calendar_are_marked(alone: RunningComponent) -> None:
    message = {"jsonData": {"storeId": "4", "beginDate": "2015-07-31", "endDate": "2015-08-01"}}
    days = alone.predict(message).json()["jsonData"][0]["forecast"]

    assert [day.get("note") for day in days] == [None, "calendar-assumed"]


@pytest.mark.parametrize(("begin", "end"), [("2013-12-31", "2014-01-02"), ("2016-06-17", "2016-06-19")])
def test_a_day_out_of_range_is_an_error_of_the_item_only(alone: RunningComponent, begin: str, end: str) -> None:
    reply = alone.predict({"jsonData": [{"storeId": "4", "beginDate": begin, "endDate": end}, item("4")]})
    wrong, good = reply.json()["jsonData"]

    assert reply.status == 200
    assert wrong["error"]["code"] == "DATE_OUT_OF_RANGE"
    assert "2014-01-01" in wrong["error"]["message"]
    assert "2016-06-18" in wrong["error"]["message"]
    assert len(good["forecast"]) == 7


def test_an_unknown_store_is_an_error_of_the_item_only(alone: RunningComponent) -> None:
    wrong, good = alone.predict({"jsonData": [item("11155"), item("1")]}).json()["jsonData"]

    assert wrong["error"]["code"] == "UNKNOWN_STORE"
    assert '"11155" (did you mean 1115?)' in wrong["error"]["message"]
    assert "forecast" in good


def test_every_store_is_answered_in_the_fleets_order(alone: RunningComponent) -> None:
    entries = alone.predict({"jsonData": item("*")}).json()["jsonData"]

    assert [entry["request"]["storeId"] for entry in entries] == [str(i + 1) for i in range(N_STORES)]
    assert {entry["model"]["source"] for entry in entries} == {"fleet", "fallback"}


def test_a_request_without_days_is_clipped_into_the_known_calendar(alone: RunningComponent) -> None:
    entry = alone.predict({"jsonData": {"storeId": "4"}}).json()["jsonData"][0]

    assert (entry["request"]["beginDate"], entry["request"]["endDate"]) == ("2015-07-25", "2015-07-31")
    assert entry["request"]["clippedFrom"] > "2026"


def test_rows_are_answered_as_rows(alone: RunningComponent) -> None:
    names = ["store_id", "begin_date", "end_date", "level"]
    rows = [["4", "2015-06-20", "2015-06-21", 0.9], [99999, "2015-06-20", None, None]]
    answer = alone.predict({"data": {"names": names, "ndarray": rows}}).json()

    assert answer["data"]["names"] == ["store_id", "timestamp", "value", "lower", "upper", "source"]
    assert answer["data"]["ndarray"][1] == ["4", "2015-06-21", 0.0, 0.0, 0.0, "fleet"]
    assert answer["data"]["ndarray"][2] == ["99999", None, None, None, None, "error:UNKNOWN_STORE"]
    assert answer["meta"]["tags"]["errors"][0]["storeId"] == "99999"
    assert "storecast" not in answer["meta"]["tags"]


def test_the_limit_on_cells_names_its_setting(alone: RunningComponent) -> None:
    days = {"beginDate": "2014-06-20", "endDate": "2015-06-20"}
    reply = alone.predict({"jsonData": [{"storeId": "*", **days}, {"storeId": "*", **days}]})

    assert reply.status == 400
    assert "STORECAST_MAX_CELLS" in reply.json()["status"]["info"]


def test_health_says_which_fleet_is_served(alone: RunningComponent) -> None:
    reply = alone.get("/health/status")

    assert reply.status == 200
    assert reply.json()["jsonData"]["status"] == "ready"
    assert reply.json()["jsonData"]["fleet"]["stores"] == N_STORES


def test_metadata_is_valid_for_seldon(alone: RunningComponent) -> None:
    assert alone.get("/metadata").json()["platform"] == "storecast"


def test_metrics_count_requests_items_and_refusals_but_name_no_store(alone: RunningComponent) -> None:
    alone.predict({"jsonData": item("1114")})
    alone.predict({"jsonData": item(1.5)})
    alone.send("POST", "/predict", b"x", {"Content-Type": "text/plain"})
    alone.predict({"jsonData": item("1114")})
    page = alone.metrics()

    assert "storecast_requests_total{" in page
    assert 'source="fleet"' in page
    assert 'reason="bad_request"' in page
    assert 'reason="not_json"' in page
    assert "storecast_fleet_version{" in page
    assert '"1114"' not in page


def test_one_store_goes_to_the_child_that_owns_it(graph: Graph) -> None:
    assert graph.route({"jsonData": item("3")}) == 2
    assert {graph.route({"jsonData": item(str(store))}) for store in range(10, 30)} == {0, 1}
    assert graph.route({"jsonData": [item("3"), item("4")]}) == -1
    assert graph.route({"jsonData": item("nobody")}) == 0


def test_the_graph_answers_what_one_forecaster_alone_answers(graph: Graph, alone: RunningComponent) -> None:
    stores = ["9", "3", "nobody", "10", "9", "11", "8"]
    message = {"jsonData": [item(store) for store in stores] + [item("*")]}
    merged = graph.ask(message).json()

    assert merged["jsonData"] == alone.predict(message).json()["jsonData"]
    assert merged["meta"]["routing"] == {"router": -1}
    assert "storecast" not in merged["meta"]["tags"]


def test_the_graph_answers_rows_as_one_forecaster_alone(graph: Graph, alone: RunningComponent) -> None:
    rows = [[store, "2015-06-20", "2015-06-21"] for store in ("9", "3", "nobody", "10", "*")]
    message = {"data": {"names": ["store_id", "begin_date", "end_date"], "ndarray": rows}}
    merged, single = graph.ask(message).json(), alone.predict(message).json()

    assert merged["data"] == single["data"]
    assert merged["meta"]["tags"] == single["meta"]["tags"]


def test_one_childs_answer_is_passed_on_with_its_index(graph: Graph) -> None:
    answer = graph.ask({"jsonData": item("3")}).json()

    assert answer["jsonData"][0]["model"]["source"] == "fallback"
    assert answer["meta"]["routing"] == {"router": 2}
    assert answer["meta"]["requestPath"] == {"fallback": "", "router": ""}


@pytest.mark.parametrize(("message", "paths"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_a_malformed_request_is_refused_by_the_forecaster_not_by_the_router(
    graph: Graph, message: object, paths: list[str]
) -> None:
    assert graph.route(message) == 0
    assert graph.ask(message).status == 400
    assert len(paths) > 0


@pytest.mark.parametrize(("body", "kind"), [case[1:3] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_an_unreadable_body_is_routed_to_the_forecaster(graph: Graph, body: bytes, kind: str) -> None:
    reply = graph.router.send("POST", "/route", body, {"Content-Type": kind} if kind else {})

    assert reply.status == 200
    assert reply.json()["data"]["ndarray"] == [[0]]


@pytest.mark.parametrize(
    "messages", [5, [], [1], [{}], [{"jsonData": 3, "meta": {"tags": {"storecast": {}}}}], {"a": 1}]
)
def test_answers_of_strangers_cannot_be_merged_and_are_400(graph: Graph, messages: object) -> None:
    assert graph.router.post("/aggregate", messages).status == 400


def test_feedback_is_accepted_and_counted_and_a_reward_must_be_finite(graph: Graph) -> None:
    routed = {"reward": 1.0, "response": {"meta": {"routing": {"router": 1}}}}

    assert graph.router.post("/send-feedback", routed).status == 200
    assert graph.children[1].post("/send-feedback", routed).status == 200
    assert (
        graph.router.send("POST", "/send-feedback", b'{"reward": NaN}', {"Content-Type": "application/json"}).status
        == 400
    )
    graph.router.post("/route", {"jsonData": item("3")})
    assert "storecast_feedback_total{" in graph.router.metrics()


def test_a_forecaster_without_a_fleet_does_not_start(tmp_path: Path) -> None:
    with component("StoreForecaster", tmp_path, {"STORECAST_FLEET_URI": str(tmp_path / "none")}, wait=False) as running:
        code = running.process.wait(120)

    failed = next(line for line in running.log_lines() if line["event"] == "wrapper.fleet_failed")
    assert code == 3
    assert failed["reason"].startswith("STORECAST_FLEET_URI: wanted an existing folder")
    assert "traceback" not in failed


def test_a_router_without_a_fleet_is_ready_and_asks_every_child(tmp_path: Path) -> None:
    with component("StoreRouter", tmp_path, {"STORECAST_FLEET_URI": str(tmp_path / "none")}) as running:
        reply = running.post("/route", {"jsonData": {"storeId": "1"}})
        health = running.get("/health/status")
        page = running.metrics()

    assert reply.json()["data"]["ndarray"] == [[-1]]
    assert (health.status, health.json()["jsonData"]) == (200, {"status": "ready", "fleet": None})
    assert [line.split()[-1] for line in page.splitlines() if line.startswith("storecast_fleet_stores{")] == ["0.0"] * 2


def test_wrong_settings_end_the_start_and_are_all_named(tmp_path: Path) -> None:
    environ = {"STORECAST_MAX_ITEMS": "0", "STORECAST_SHARDS": "x"}
    with component("StoreForecaster", tmp_path, environ, wait=False) as running:
        code = running.process.wait(120)

    assert code == 2
    assert "STORECAST_MAX_ITEMS" in running.log.read_text()
    assert "STORECAST_SHARDS" in running.log.read_text()


def test_several_workers_serve_and_sigterm_ends_them(fleet_path: Path, tmp_path: Path) -> None:
    environ = {"STORECAST_FLEET_URI": str(fleet_path), "GUNICORN_WORKERS": "2"}
    with component("StoreForecaster", tmp_path, environ) as running:
        statuses = [running.predict({"jsonData": item("1")}).status for _ in range(8)]
        running.process.send_signal(signal.SIGTERM)
        code = running.process.wait(120)

    assert statuses == [200] * 8
    assert code == 0
