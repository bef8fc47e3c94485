"""Whatever is wrong in a feedback's message, and wherever: a 400 that names the place, from a component and a graph."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from support.fleets import small_fleet
from support.processes import Reply, RunningComponent, component, request
from support.serving.contract_check import faults_of
from support.serving.hostile_messages import MESSAGES
from support.serving.misplaced import MISPLACED, PLACES, placed
from support.serving.served_graphs import JSON, ServedGraph, served_graph

Send = Callable[[object], Reply]

FEEDBACK = "/api/v1.0/feedback"
OF_PYTHON = ("argument must be", "object is not", "literal for", "Failed to parse", "NoneType", "Message type")


@pytest.fixture(scope="module")
def fleet_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", 12)


@pytest.fixture(scope="module")
def forecaster(fleet_path: Path) -> Iterator[RunningComponent]:
    environ = {"STORECAST_FLEET_URI": str(fleet_path), "PREDICTIVE_UNIT_ID": "forecaster"}
    with component("StoreForecaster", fleet_path.parent, environ) as running:
        yield running


@pytest.fixture(scope="module")
def graph(fleet_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGraph]:
    with served_graph(fleet_path, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(params=["component", "graph"])
def send(request: pytest.FixtureRequest, forecaster: RunningComponent, graph: ServedGraph) -> Send:
    if request.param == "component":
        return lambda message: forecaster.post("/send-feedback", message)
    return lambda message: to_graph(graph, message)


def to_graph(graph: ServedGraph, message: object) -> Reply:
    return request(graph.port, "POST", FEEDBACK, json.dumps(message).encode(), JSON)


def refused_paths(reply: Reply) -> list[str]:
    """The paths of a refusal, once it is seen to be one in the form of the contract."""
    assert reply.status == 400
    assert faults_of(reply.status, reply.body) == []
    assert not [words for words in OF_PYTHON if words in reply.body.decode()]
    return [problem["path"] for problem in reply.json()["jsonData"]["problems"]]


def test_a_good_feedback_is_taken(send: Send) -> None:
    assert send(placed("response.meta.tags.b", 2)).status == 200


def test_a_value_of_a_wrong_type_is_400_and_named_by_its_place(send: Send) -> None:
    for place, value in MISPLACED:
        paths = refused_paths(send(placed(place, value)))
        assert place in paths, (place, value, paths)
        assert all(path.startswith(place.partition(".")[0]) for path in paths), (place, value, paths)


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ({"response": "x"}, ["response", "truth"]),
        (
            {"response": {"meta": {"routing": {"router": None}}}},
            ["response", "truth", "response.meta.routing.router"],
        ),
        ({"reward": 1, "response": {"meta": [], "status": 5}}, ["response.meta", "response.status"]),
        (
            {"request": {"strData": "x", "jsonData": 1}, "truth": {"jsonData": [], "meta": {"puid": 5}}},
            ["response", "truth.jsonData", "request", "truth.meta.puid"],
        ),
        (5, [""]),
        ([], [""]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(send: Send, message: object, paths: list[str]) -> None:
    assert refused_paths(send(message)) == paths


@given(message=MESSAGES)
def test_whatever_stands_at_a_place_is_taken_or_refused_in_words(forecaster: RunningComponent, message: object) -> None:
    for place in PLACES[:: len(PLACES) // 8]:
        reply = forecaster.post("/send-feedback", placed(place, message))
        assert reply.status == 200 or faults_of(reply.status, reply.body) == []


def test_nobody_logs_an_error_over_it(forecaster: RunningComponent, graph: ServedGraph) -> None:
    for place, value in MISPLACED:
        forecaster.post("/send-feedback", placed(place, value))
        to_graph(graph, placed(place, value))
    logs = [forecaster.log, graph.log, *graph.log.parent.rglob("*.log")]
    lines = [line for log in logs for line in log.read_text().splitlines()]

    assert len(logs) > 4
    assert [line for line in lines if '"level": "ERROR"' in line or "Traceback" in line] == []
