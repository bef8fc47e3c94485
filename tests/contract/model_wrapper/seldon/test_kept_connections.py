"""A component keeps the executor's connections open, answers a probe beside a long request, and ends all the same."""

import json
import signal
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.processes import component
from support.serving.late_requests import LateRequest

RAW = "support.serving.small_components.Raw"
HEADERS = {"Content-Type": "application/json"}
# Less than gunicorn's grace, which it sits out for a connection that stays open.
END_S = 28


def asked(connection: HTTPConnection) -> int:
    connection.request("POST", "/predict", json.dumps({"jsonData": 1}), HEADERS)
    reply = connection.getresponse()
    reply.read()
    return reply.status


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_connection_is_kept_and_an_idle_one_does_not_hold_up_the_end(tmp_path: Path, threads: str) -> None:
    with component(RAW, tmp_path, {"GUNICORN_THREADS": threads}) as running:
        connections = [HTTPConnection("127.0.0.1", running.port, timeout=END_S) for _ in range(3)]
        statuses = [asked(each) for each in connections]
        sockets = [each.sock for each in connections]
        statuses += [asked(each) for each in connections]
        kept = [each.sock for each in connections]
        running.process.send_signal(signal.SIGTERM)
        code = running.process.wait(END_S)
        for each in connections:
            each.close()

    assert set(statuses) == {200}
    assert None not in sockets
    assert kept == sockets
    assert code == 0


def test_a_probe_is_answered_while_a_request_takes_long(tmp_path: Path) -> None:
    with component(RAW, tmp_path) as running:
        late = LateRequest(running, tmp_path)
        probe = running.get("/health/ping")
        answered_before = list(late.replies)
        late.release()

    assert (probe.status, answered_before) == (200, [])
    assert [reply.status for reply in late.replies] == [200]


def test_at_the_end_a_request_in_flight_is_answered_beside_idle_connections(tmp_path: Path) -> None:
    with component(RAW, tmp_path) as running:
        idle = HTTPConnection("127.0.0.1", running.port, timeout=END_S)
        first = asked(idle)
        late = LateRequest(running, tmp_path)
        late.terminate()
        late.release()
        code = running.process.wait(END_S)
        idle.close()

    assert first == 200
    assert [reply.status for reply in late.replies] == [200]
    assert code == 0
