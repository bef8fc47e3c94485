"""The replay of recorded cases says so when the engine did something else than what is recorded, whatever it is."""

from typing import Any

import pytest
from support.graph.vector_replay import replay

MODEL = {"name": "m", "type": "MODEL", "endpoint": {"node": "m"}}
BODY = '{"data":{"ndarray":[[1,2]]}}'
CALL = {"node": "m", "path": "/predict", "body": BODY}
SLOW = {"m": {"/predict": {"body": "{}", "delay_ms": 1000}}}


def case(expect: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of a case
    nodes = {"m": {"/predict": {"body": "{}"}}}
    return {"id": "x", "family": "x", "graph": MODEL, "nodes": nodes, "expect": expect} | more


def ab_test(expect: dict[str, Any]) -> dict[str, Any]:
    children = [{**MODEL, "name": name} for name in ("m", "n")]
    graph = {"name": "ab", "implementation": "RANDOM_ABTEST", "children": children}
    parameters = [{"name": "ratioA", "value": "1", "type": "FLOAT"}]
    return case(expect, graph={**graph, "parameters": parameters}, repeat=3)


def stopped(expect: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of a case
    return case(expect, nodes=SLOW, sigterm_after_ms=0, probe_after_ms=0) | more


IN_TIME = {"response": {"body": "{}"}, "calls": [CALL]}
CUT_OFF = {"connection_closed": True, "calls": [CALL]}
# A node that answers long after everybody has gone.
HURRY = {"flags": ["--graceful_timeout", "200ms"], "nodes": {"m": {"/predict": {"delay_ms": 600_000}}}}
RAW = {"m": {"/predict": {"raw": "HTTP/1.1 418 Teapot\r\nContent-Length: 2\r\n\r\nno"}}}
REFUSED = {"status": 418, "body": "no", "headers": {"Content-Type": "text/plain; charset=utf-8"}}
NO_GRAPH = ["--sdep", "mydep", "--namespace", "myns", "--predictor", "mypred", "--http_port", "0"]


@pytest.mark.parametrize(
    "played",
    [
        pytest.param(case({**IN_TIME, "timing": {"min_ms": 900, "max_ms": 30_000}}, nodes=SLOW), id="timing"),
        pytest.param(ab_test({"call_set": ["m/predict"], "call_total": 3}), id="call_set"),
        pytest.param(case({"response": REFUSED, "calls": [CALL]}, nodes=RAW), id="raw"),
        pytest.param(stopped({**IN_TIME, "exit_code": 0, "probe_after_signal": "refused"}), id="a drained end"),
        pytest.param(stopped({**CUT_OFF, "exit_code": 1}, **HURRY), id="a graceful timeout"),
        pytest.param(
            stopped({**IN_TIME, "exit_code": 0, "probe_after_signal": 200}, flags=["--shutdown_delay", "3s"]),
            id="a shutdown delay",
        ),
        pytest.param(case({**IN_TIME, "exit_code": 0}), id="an end without a signal in between"),
        pytest.param(case(IN_TIME, engine_predictor=True), id="graph in the environment"),
        pytest.param(case(IN_TIME), id="graph in a file"),
        pytest.param(case({"startup_exit": {"code": 2}}, args=NO_GRAPH), id="no graph"),
    ],
)
def test_what_the_engine_does_is_no_problem(played: dict[str, Any]) -> None:
    assert replay(played) == []


@pytest.mark.parametrize(
    ("played", "problem"),
    [
        pytest.param(case({**IN_TIME, "timing": {"max_ms": 5}}, nodes=SLOW), "wanted at most 5 ms", id="too slow"),
        pytest.param(case({**IN_TIME, "timing": {"min_ms": 60_000}}), "wanted at least 60000 ms", id="too fast"),
        pytest.param(ab_test({"call_set": ["m/predict", "n/predict"]}), "called: wanted", id="a node too few"),
        pytest.param(ab_test({"call_set": []}), "called: wanted", id="a node too many"),
        pytest.param(case({"response": {**REFUSED, "body": "x"}}, nodes=RAW), "wanted body 'x'", id="raw"),
        pytest.param(stopped({**IN_TIME, "exit_code": 1}), "wanted exit code 1, got 0", id="exit code 0"),
        pytest.param(stopped({**CUT_OFF, "exit_code": 0}, **HURRY), "wanted exit code 0, got 1", id="exit code 1"),
        pytest.param(
            stopped({**IN_TIME, "probe_after_signal": 200}), "wanted 200 for a connection", id="it still listens"
        ),
        pytest.param(
            stopped({**IN_TIME, "probe_after_signal": "refused"}, flags=["--shutdown_delay", "3s"]),
            "wanted refused for a connection",
            id="it does not listen any more",
        ),
        pytest.param(case({"startup_exit": {"code": 1}}), "wanted an end at the start", id="it starts"),
        pytest.param(
            case({"startup_exit": {"code": 0}}, args=NO_GRAPH), "wanted exit code 0 at the start", id="it ends badly"
        ),
    ],
)
def test_a_recording_of_something_else_is_a_problem(played: dict[str, Any], problem: str) -> None:
    problems = replay(played)

    assert len(problems) == 1
    assert problem in problems[0]


def test_without_the_graphs_variable_or_a_file_the_engine_does_not_start() -> None:
    with_variable = case({"startup_exit": {"code": 2}}, args=NO_GRAPH, engine_predictor=True)

    assert replay(case({"startup_exit": {"code": 2}}, args=NO_GRAPH)) == []
    assert "wanted an end at the start" in replay(with_variable)[0]
