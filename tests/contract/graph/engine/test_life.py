"""The engine beyond the recorded cases: its start and stop, bad luck with connections, a payload log that hangs."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.graph.running_engines import PREDICTIONS, config, model, running, scripted
from support.graph.vector_replay import replay
from support.raw_http import Message, ask

from graph.engine import GraphEngine
from graph.errors import ComponentError, UsageError

ROOT = Path(__file__).parents[4]


async def predict(engine: GraphEngine) -> Message:
    return await ask(engine.port, "POST", PREDICTIONS, [], b"{}", chunked=False)


def test_a_taken_port_is_said_with_its_number() -> None:
    async def run() -> str:
        async with running(config({"name": "x"})) as first:
            second = GraphEngine(config({"name": "x"}, port=first.port))
            with pytest.raises(ComponentError) as failed:
                await second.start()
            await second.stop()
            return str(failed.value).replace(str(first.port), "PORT")

    assert asyncio.run(run()).startswith("engine: wanted to listen on 127.0.0.1:PORT, got ")


def test_the_port_is_known_only_after_the_start() -> None:
    with pytest.raises(UsageError, match=r"call start\(\) first"):
        _ = GraphEngine(config({"name": "x"})).port


def test_a_stopped_engine_can_be_started_again() -> None:
    async def run() -> list[str]:
        engine = GraphEngine(config({"name": "x"}))
        statuses = []
        for _ in range(2):
            await engine.start()
            statuses.append((await predict(engine)).start[1])
            await engine.stop()
        return statuses

    assert asyncio.run(run()) == ["200", "200"]


def test_calls_one_after_the_other_share_a_connection() -> None:
    ports = set()

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername")[1])
        while not reader.at_eof() and await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")
        writer.close()

    async def run() -> list[bytes]:
        server = await asyncio.start_server(node, "127.0.0.1", 0)
        async with running(config(model(server.sockets[0].getsockname()[1]))) as engine:
            bodies = [(await predict(engine)).body for _ in range(3)]
        server.close()
        return bodies

    assert asyncio.run(run()) == [b"[]"] * 3
    assert len(ports) == 1


def test_a_client_that_hangs_up_in_the_middle_of_its_body_harms_nobody() -> None:
    async def run() -> str:
        async with running(config({"name": "x"})) as engine:
            _, writer = await asyncio.open_connection("127.0.0.1", engine.port)
            writer.write(f"POST {PREDICTIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{{".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return (await predict(engine)).start[1]

    assert asyncio.run(run()) == "200"


def test_a_payload_log_that_hangs_drops_events_and_holds_up_no_request() -> None:
    async def run() -> tuple[set[str], str]:
        scripts: dict[str, dict[str, Any]] = {
            "m": {"/predict": {"body": "{}"}},
            "sink": {"*": {"body": "", "delay_ms": 60_000}},
        }
        async with scripted(scripts) as nodes:
            settings = config(
                model(nodes.ports["m"], logger={"mode": "all", "url": f"http://127.0.0.1:{nodes.ports['sink']}/"}),
                log_workers=1,
                log_queue_size=1,
                log_write_timeout_ms=0,
                graceful_timeout_s=0.1,
            )
            async with running(settings) as engine:
                statuses = {(await predict(engine)).start[1] for _ in range(5)}
                page = await ask(engine.port, "GET", "/prometheus", [], None, chunked=False)
            return statuses, page.body.decode()

    statuses, page = asyncio.run(run())
    assert statuses == {"200"}
    assert 'storecast_engine_payload_events_total{outcome="dropped"} 8' in page


def test_what_the_executor_would_not_survive_is_counted() -> None:
    async def run() -> str:
        lost = {"name": "lost", "type": "MODEL"}
        async with (
            scripted({"m": {"/predict": {"body": "{}"}}}) as nodes,
            running(config(model(nodes.ports["m"], children=[lost]))) as engine,
        ):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await predict(engine)
            return (await ask(engine.port, "GET", "/prometheus", [], None, chunked=False)).body.decode()

    assert 'storecast_engine_executor_panics_total{fatal="true"} 1.0' in asyncio.run(run())


@pytest.mark.parametrize(
    ("reply", "below", "event", "fatal"),
    [
        ('{"data":{"ndarray":[[7]]}}', False, "engine.executor_would_panic", "false"),
        ("null", True, "engine.executor_would_die", "true"),
    ],
)
def test_the_engine_closes_connections_where_the_executor_crashes_and_goes_on(
    caplog: pytest.LogCaptureFixture, reply: str, *, below: bool, event: str, fatal: str
) -> None:
    """A bad route of a root router, and of one below a fan-out, which kills the real executor with all its requests."""

    async def run() -> tuple[list[object], str, str]:
        answers = [{"body": reply}] * 20 + [{"body": '{"data":{"ndarray":[[0]]}}'}]
        async with scripted({"r": {"/route": answers}, "m": {"/predict": {"body": "{}"}}}) as nodes:
            router = {**model(nodes.ports["r"], type="ROUTER", name="r"), "children": [model(nodes.ports["m"])]}
            async with running(config({"name": "top", "children": [router]} if below else router)) as engine:
                crashes = await asyncio.gather(*(predict(engine) for _ in range(20)), return_exceptions=True)
                page = await ask(engine.port, "GET", "/prometheus", [], None, chunked=False)
                return list(crashes), (await predict(engine)).start[1], page.body.decode()

    crashes, status, page = asyncio.run(run())
    assert {type(crash) for crash in crashes} <= {asyncio.IncompleteReadError, ConnectionResetError}
    assert status == "200"
    assert f'storecast_engine_executor_panics_total{{fatal="{fatal}"}} 20.0' in page
    logged = [vars(record)["facts"] for record in caplog.records if record.message == event]
    assert [facts["path"] for facts in logged] == [PREDICTIONS] * 20
    assert all("r" in facts["reason"] for facts in logged)


def test_answers_come_back_to_the_clients_that_asked() -> None:
    async def run() -> list[bytes]:
        async with running(config({"name": "x"})) as engine:
            asked = (ask(engine.port, "POST", PREDICTIONS, [], b"%d" % number, chunked=False) for number in range(50))
            return [answer.body for answer in await asyncio.gather(*asked)]

    assert asyncio.run(run()) == [b"%d" % number for number in range(50)]


HANGS = 10 * 60_000


@pytest.mark.parametrize(
    ("nodes", "expect"),
    [
        pytest.param(
            {"m": {"/predict": {"delay_ms": HANGS}}}, {"connection_closed": True, "exit_code": 1}, id="a node"
        ),
        pytest.param(
            {"m": {"/predict": {"body": "{}", "delay_body_ms": HANGS}}},
            {"connection_closed": True, "exit_code": 1},
            id="a node's body",
        ),
        pytest.param(
            {"m": {"/predict": {"body": "{}"}}, "sink": {"*": {"delay_ms": HANGS}}},
            {"response": {"body": "{}"}, "exit_code": 0},
            id="the log of payloads",
        ),
    ],
)
def test_a_process_ends_in_time_whatever_hangs_and_says_by_its_code_whether_answers_were_lost(
    nodes: dict[str, Any], expect: dict[str, Any]
) -> None:
    log = {"mode": "request", "url": "http://{node:sink}/"} if "sink" in nodes else None
    graph = {"name": "m", "type": "MODEL", "endpoint": {"node": "m"}, **({"logger": log} if log else {})}
    flags = ["--graceful_timeout", "1s"]
    case = {"graph": graph, "nodes": nodes, "flags": flags, "sigterm_after_ms": 0, "probe_after_ms": 0}
    events = [{"node": "m", "kind": "io.seldon.serving.inference.request", "body": {"any": True}}] if log else []

    assert replay({**case, "expect": {**expect, "events": events, "probe_after_signal": None}}) == []


def test_a_client_that_never_ends_its_body_holds_up_the_end_no_longer_than_the_graceful_timeout() -> None:
    async def run() -> tuple[bool, bytes]:
        engine = GraphEngine(config({"name": "x"}, graceful_timeout_s=0.2))
        await engine.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
        writer.write(f"POST {PREDICTIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{{".encode())
        await predict(engine)  # by now the other one is being read
        async with asyncio.timeout(60):
            in_time = await engine.stop()
            rest = await reader.read()
        writer.close()
        return in_time, rest

    assert asyncio.run(run()) == (False, b"")


def test_connections_that_wait_for_their_next_request_do_not_hold_up_the_end() -> None:
    async def run() -> tuple[bool, bytes]:
        engine = GraphEngine(config({"name": "x"}, graceful_timeout_s=600.0))
        await engine.start()
        unused = await asyncio.open_connection("127.0.0.1", engine.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
        writer.write(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(60):
            in_time = await engine.stop()
            rest = await reader.read() + await unused[0].read()
        for each in (writer, unused[1]):
            each.close()
        return in_time, rest

    assert asyncio.run(run()) == (True, b"")


def test_a_process_that_is_started_wrongly_says_why_and_ends() -> None:
    words = ["--namespace", "n", "--predictor", "p", "--http_port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "graph.engine", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "wanted --sdep, got nothing; add it: the executor does not start without it\n"
