"""What we rely on in Seldon's wrapper, in this environment: real processes through our own entry point."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import RunningComponent, component, listening_addresses
from support.serving.late_requests import WAIT_S, LateRequest

SMALL = "support.serving.small_components"
UNIT = {"PREDICTIVE_UNIT_ID": "router", "PREDICTIVE_UNIT_IMAGE": "image:1"}


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningComponent]:
    with component(f"{SMALL}.Echo", tmp_path_factory.mktemp("echo"), UNIT) as running:
        yield running


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningComponent]:
    with component(f"{SMALL}.Raw", tmp_path_factory.mktemp("raw"), UNIT) as running:
        yield running


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningComponent]:
    with component(f"{SMALL}.Routes", tmp_path_factory.mktemp("routes"), UNIT) as running:
        yield running


def wishing(reply: str, payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {"meta": {"tags": {"reply": reply}}}


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"jsonData": {"a": [1, "x"]}}, {"jsonData": {"a": [1, "x"]}}),
        ({"strData": "text"}, {"strData": "text"}),
        ({"data": {"ndarray": [[1, 2]]}}, {"data": {"names": ["t:0", "t:1"], "ndarray": [[1, 2]]}}),
        (
            {"data": {"tensor": {"shape": [1, 2], "values": [1, 2]}}},
            {"data": {"names": ["t:0", "t:1"], "tensor": {"shape": [1, 2], "values": [1, 2]}}},
        ),
    ],
)
def test_a_payload_is_answered_in_its_own_kind(
    echo: RunningComponent, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    reply = echo.predict(payload)

    assert reply.status == 200
    assert {key: value for key, value in reply.json().items() if key != "meta"} == answer


def test_one_string_in_a_row_makes_every_number_a_string(echo: RunningComponent) -> None:
    assert echo.predict({"data": {"ndarray": [[1, "a"]]}}).json()["data"]["ndarray"] == [["1", "a"]]


def test_a_list_of_objects_from_predict_does_not_become_json_data(echo: RunningComponent) -> None:
    answer = echo.predict(wishing("dicts", {"jsonData": 1})).json()

    assert "jsonData" not in answer
    assert answer["data"]["ndarray"] == [{"a": 1}]


def test_an_object_from_predict_becomes_json_data(echo: RunningComponent) -> None:
    assert echo.predict(wishing("dict", {"jsonData": 1})).json()["jsonData"] == {"a": 1}


def test_a_type_error_inside_predict_runs_it_twice_and_ends_as_500(echo: RunningComponent) -> None:
    first, second = (echo.predict({"jsonData": "type_error"}) for _ in range(2))
    calls = [int(reply.json()["status"]["info"].removeprefix("call ")) for reply in (first, second)]

    assert (first.status, second.status) == (500, 500)
    assert calls[1] == calls[0] + 2


def test_seldons_own_error_sets_status_and_body(echo: RunningComponent) -> None:
    reply = echo.predict(wishing("bad_data", {"jsonData": 1}))

    assert reply.status == 418
    assert reply.json() == {"status": {"code": -1, "info": "refused by the model", "reason": "TEST", "status": 1}}


def test_none_from_predict_is_400(echo: RunningComponent) -> None:
    assert echo.predict(wishing("none", {"jsonData": 1})).status == 400


def test_without_our_door_a_body_that_is_not_json_is_500(echo: RunningComponent) -> None:
    assert echo.send("POST", "/predict", b"storeId=4", {"Content-Type": "text/plain"}).status == 500


def test_a_blueprint_named_model_error_handler_makes_it_400(raw: RunningComponent) -> None:
    reply = raw.send("POST", "/predict", b"storeId=4", {"Content-Type": "text/plain"})

    assert reply.status == 400
    assert reply.json()["status"]["info"] == "Can't find JSON in data"


def test_predict_raw_answers_a_list_as_json_data(raw: RunningComponent) -> None:
    assert raw.predict({"jsonData": 7}).json()["jsonData"] == [7, 7]


def test_a_status_in_a_raw_reply_sets_the_http_status_and_keeps_the_body(raw: RunningComponent) -> None:
    reply = raw.predict({"jsonData": "refuse"})

    assert reply.status == 400
    assert reply.json()["jsonData"] == {"problems": [1]}


def test_metrics_of_a_raw_reply_are_counted_and_kept_from_the_client(raw: RunningComponent) -> None:
    answer = raw.predict({"jsonData": 1}).json()

    assert answer["meta"] == {"tags": {"a": 2, "b": 1}}
    line = next(line for line in raw.metrics().splitlines() if line.startswith("raw_calls_total{"))
    assert 'method="predict"' in line
    assert 'model_name="router"' in line
    assert 'worker_id="' in line
    assert float(line.split()[-1]) >= 1


def test_metrics_of_a_plain_component_are_counted(echo: RunningComponent) -> None:
    echo.predict({"jsonData": 1})

    assert "echo_calls_total{" in echo.metrics()
    assert 'kind="test"' in echo.metrics()


@pytest.mark.parametrize("child", [0, 1, -1])
def test_a_route_is_answered_as_one_number(routes: RunningComponent, child: int) -> None:
    assert routes.post("/route", {"jsonData": child}).json()["data"]["tensor"]["values"] == [child]


def test_a_numpy_integer_is_no_route(routes: RunningComponent) -> None:
    reply = routes.post("/route", {"jsonData": "numpy"})

    assert reply.status == 400
    assert "must be int" in reply.json()["status"]["info"]


def test_aggregate_is_given_the_bare_list(routes: RunningComponent) -> None:
    answer = routes.post("/aggregate", [{"jsonData": 1}, {"jsonData": 2}]).json()

    assert answer["jsonData"] == {"type": "list", "count": 2}


def test_feedback_arrives_with_reward_and_routing_and_is_counted(routes: RunningComponent) -> None:
    feedback = {"reward": 2.5, "response": {"meta": {"routing": {"router": 1}}}}
    reply = routes.post("/send-feedback", feedback)

    assert reply.json()["strData"] == "2.5 {'router': 1}"
    assert "seldon_api_model_feedback_reward_total{" in routes.metrics()


def test_feedback_with_an_unknown_field_is_400(routes: RunningComponent) -> None:
    assert routes.post("/send-feedback", {"rewards": 1}).status == 400


def test_the_metrics_page_is_prometheus_text(routes: RunningComponent) -> None:
    routes.post("/send-feedback", {"reward": 1})

    assert "# TYPE seldon_api_model_feedback_total counter" in routes.metrics()


def test_logs_are_json_lines_without_payloads(echo: RunningComponent) -> None:
    echo.predict(wishing("bad_data", {"jsonData": "secret-payload"}))
    events = [line["event"] for line in echo.log_lines()]

    assert "wrapper.starting" in events
    assert "seldon.error" in events
    assert "secret-payload" not in echo.log.read_text()


def test_sigterm_lets_a_request_in_flight_finish_and_ends_the_process(tmp_path: Path) -> None:
    with component(f"{SMALL}.Raw", tmp_path) as running:
        late = LateRequest(running, tmp_path)
        late.terminate()
        late.release()
        code = running.process.wait(WAIT_S)

    assert [reply.status for reply in late.replies] == [200]
    assert code == 0


def test_a_component_that_cannot_load_ends_with_an_exit_code(tmp_path: Path) -> None:
    with component(f"{SMALL}.NeverLoads", tmp_path, wait=False) as running:
        code = running.process.wait(WAIT_S)

    assert code == 3


def test_no_control_socket_is_left_in_the_home_folder(tmp_path: Path) -> None:
    with component(f"{SMALL}.Raw", tmp_path, {"HOME": str(tmp_path)}) as running:
        assert running.predict({"jsonData": 1}).status == 200
        assert not (tmp_path / ".gunicorn").exists()


def test_a_body_is_parsed_as_strict_json_numbers_included(raw: RunningComponent) -> None:
    big = 123456789012345678901234567890

    assert json.loads(raw.predict({"jsonData": big}).body)["jsonData"] == [big, big]


def test_both_ports_listen_where_the_setting_says_and_nowhere_else(echo: RunningComponent) -> None:
    for port in (echo.port, echo.metrics_port):
        assert listening_addresses(port) == {"127.0.0.1"}
