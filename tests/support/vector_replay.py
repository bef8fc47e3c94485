"""One recorded case played against the engine, with scripted nodes around it."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from support.raw_http import Message, ask
from support.scripted_nodes import Call, ScriptedNodes
from support.vector_bodies import body_bytes
from support.vector_match import CallMatcher, Problems, event_problems, metric_problems, response_problems
from support.vectors import Case, fill_in, request_of, steps

from graph.engine import Engine, EngineConfig
from graph.engine.annotations import parse
from graph.engine.commandline import engine_config
from graph.errors import UsageError
from graph.executor_container import PREDICTOR, encoded

_DIED = "engine.executor_would_die"
_PANICKED = "engine.executor_would_panic"


class _Events(logging.Handler):
    """The names of the engine's log events."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(record.getMessage())


def _graph(unit: Mapping[str, Any], ports: Mapping[str, int]) -> dict[str, Any]:
    out = dict(unit)
    if "endpoint" in unit:
        port = ports[unit["endpoint"]["node"]]
        out["endpoint"] = {"service_host": "127.0.0.1", "service_port": port, "httpPort": port, "grpcPort": port}
    if "children" in unit:
        out["children"] = [_graph(child, ports) for child in unit["children"]]
    return out


def _annotations(case: Case) -> dict[str, str]:
    return {**case.get("annotations", {}), **parse(case.get("annotations_raw", ""))}


def _arguments(case: Case) -> list[str]:
    """The whole command line of the case, as the operator begins it."""
    usual = "--sdep mydep --namespace myns --predictor mypred --http_port 0 --grpc_port 0 --prometheus_path /prometheus"
    return case.get("args") or [*usual.split(), *case.get("flags", [])]


def _config(case: Case, ports: Mapping[str, int]) -> EngineConfig:
    predictor = {"name": "mypred", "graph": _graph(case["graph"], ports), **case.get("predictor", {})}
    environ = {PREDICTOR: encoded(predictor), **case.get("env", {})}
    config = engine_config(_arguments(case), environ, _annotations(case))
    return replace(config, openapi=case.get("openapi_dir", False))


class Replay:
    """One case: `problems()` plays it and returns every difference from the recording."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._nodes = ScriptedNodes(case["nodes"])
        self._events = _Events()
        self._puid = ""

    async def problems(self) -> Problems:
        """All differences; empty when the engine did what the real executor did."""
        log = logging.getLogger("graph.engine")
        log.addHandler(self._events)
        level = log.level
        log.setLevel(logging.INFO)
        await self._nodes.start()
        try:
            return await self._played()
        finally:
            await self._nodes.stop()
            log.removeHandler(self._events)
            log.setLevel(level)

    async def _played(self) -> Problems:
        case = fill_in(self._case, self._nodes.places())
        if case["expect"].get("startup_exit"):
            return self._start_problems(case)
        engine = Engine(_config(case, self._nodes.ports))
        await engine.start()
        try:
            case = fill_in(case, {"{http_port}": str(engine.port)})
            problems = [problem for step in steps(case) for problem in await self._step(engine, case, step)]
            if "metrics" in case["expect"]:
                path = _config(case, self._nodes.ports).prometheus_path
                page = await ask(engine.port, "GET", path, [], None, chunked=False)
                problems += metric_problems(case["expect"]["metrics"], page.body)
        finally:
            # Stopping sends all events that wait: after it no more can come.
            await engine.stop()
        sent = [call for call in self._nodes.calls if call.node.startswith("sink")]
        return problems + event_problems(case["expect"].get("events", []), sent, self._puid, engine.port)

    def _start_problems(self, case: Case) -> Problems:
        try:
            Engine(_config(case, self._nodes.ports))
        except UsageError:
            return []
        return ["wanted an error at the start, got an engine"]

    async def _step(self, engine: Engine, case: Case, step: Case) -> Problems:
        expect = step["expect"]
        del self._events.names[:]
        self._nodes.calls[:] = [call for call in self._nodes.calls if call.node.startswith("sink")]
        started = asyncio.get_running_loop().time()
        got: Message | None = None
        problems: Problems = []
        for _ in range(case.get("repeat", 1)):
            got, problems = await self._sent(engine, case, step)
        took_ms = (asyncio.get_running_loop().time() - started) * 1000
        if took_ms < expect.get("timing", {}).get("min_ms", 0):
            problems.append(f"wanted at least {expect['timing']['min_ms']} ms, took {took_ms:.0f} ms")
        if "response" in expect:
            problems += self._answer_problems(expect, step, got)
        if expect.get("connection_closed"):
            problems += self._closed_problems(expect, case, got)
        return problems + self._call_problems(expect, case)

    async def _sent(self, engine: Engine, case: Case, step: Case) -> tuple[Message | None, Problems]:
        request = request_of(step)
        self._puid = request["headers"].get("Seldon-Puid", "")
        pairs = [(name, value if isinstance(value, list) else [value]) for name, value in request["headers"].items()]
        headers = [(name, value) for name, values in pairs for value in values]
        body = None if request["body"] is None else body_bytes(request["body"])
        asked = asyncio.create_task(
            ask(engine.port, request["method"], request["path"], headers, body, chunked=request.get("chunked", False))
        )
        problems = await self._stopped_meanwhile(engine, case) if "sigterm_after_ms" in case else []
        try:
            return await asked, problems
        except (asyncio.IncompleteReadError, ConnectionError):
            return None, problems

    @staticmethod
    async def _stopped_meanwhile(engine: Engine, case: Case) -> Problems:
        await asyncio.sleep(case["sigterm_after_ms"] / 1000)
        stopping = asyncio.create_task(engine.stop())
        await asyncio.sleep(case["probe_after_ms"] / 1000)
        try:
            probe = await ask(engine.port, "GET", "/live", [], None, chunked=False)
        except OSError:
            return []
        finally:
            await stopping
        return [f"wanted a refused connection while stopping, got {probe.start[1]}"]

    def _answer_problems(self, expect: Case, step: Case, got: Message | None) -> Problems:
        if got is None:
            return [f"wanted an answer, the connection was closed; log: {self._events.names}"]
        asked = request_of(step)["headers"].get("Seldon-Puid", "")
        asked = asked[0] if isinstance(asked, list) else asked
        self._puid = asked or got.header("Seldon-Puid") or ""
        return response_problems(expect["response"], got, asked)

    def _closed_problems(self, expect: Case, case: Case, got: Message | None) -> Problems:
        if got is not None:
            return [f"wanted a closed connection, got status {got.start[1]}"]
        if case["family"] == "stop":
            return []
        wanted = _DIED if expect.get("process_died") else _PANICKED
        return [] if wanted in self._events.names else [f"wanted log event {wanted}, got {self._events.names}"]

    def _call_problems(self, expect: Case, case: Case) -> Problems:
        calls = self._seen_calls(case)
        problems = [f"call to a path that is not scripted: {call.node}{call.path}" for call in calls if call.unscripted]
        if "calls" in expect:
            problems += CallMatcher(self._puid, case.get("observe", [])).problems(expect["calls"], calls)
        counts = Counter(f"{call.node}{call.path}" for call in calls)
        if "call_counts" in expect and counts != expect["call_counts"]:
            problems.append(f"calls: wanted {expect['call_counts']}, got {counts}")
        for name, (low, high) in expect.get("call_count_ranges", {}).items():
            if not low <= counts[name] <= high:
                problems.append(f"calls of {name}: wanted {low} to {high}, got {counts[name]}")
        if "call_total" in expect and counts.total() != expect["call_total"]:
            problems.append(f"calls: wanted {expect['call_total']}, got {counts.total()}")
        return problems

    def _seen_calls(self, case: Case) -> list[Call]:
        calls = [call for call in self._nodes.calls if not call.node.startswith("sink")]
        return calls if case.get("observe_tcp") else [call for call in calls if not call.connect_only]


def replay(case: Case) -> Problems:
    """Play one case in an event loop of its own."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(asyncio.wait_for(Replay(case).problems(), timeout=30))
