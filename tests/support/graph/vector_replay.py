"""One recorded case played against the engine, with scripted nodes around it."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from support.graph.scripted_nodes import Call, ScriptedNodes
from support.graph.vector_bodies import body_bytes
from support.graph.vector_engines import EngineHere, EngineProcess, Launch
from support.graph.vector_match import CallMatcher, Problems, event_problems, metric_problems, response_problems
from support.graph.vectors import Case, fill_in, request_of, steps
from support.raw_http import Message, ask

_DIED = "engine.executor_would_die"
_PANICKED = "engine.executor_would_panic"
_CASE_TIMEOUT_S = 120.0
_TICK_S = 0.01


class _Stopwatch:
    """Times one request, and what the machine took from this process meanwhile: that is nobody's slowness."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lost_s = 0.0
        self._began = self._loop.time()
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            before = self._loop.time()
            await asyncio.sleep(_TICK_S)
            self._lost_s += self._loop.time() - before - _TICK_S

    def problems(self, expected: Case) -> Problems:
        """Stop, and say what took too long or not long enough."""
        self._ticking.cancel()
        took_ms, lost_ms = (self._loop.time() - self._began) * 1000, self._lost_s * 1000
        problems = []
        if took_ms < expected.get("min_ms", 0):
            problems.append(f"wanted at least {expected['min_ms']} ms, took {took_ms:.0f} ms")
        if took_ms - lost_ms > expected.get("max_ms", took_ms):
            problems.append(f"wanted at most {expected['max_ms']} ms, took {took_ms:.0f} ms")
        return problems


class Replay:
    """One case: `problems()` plays it and returns every difference from the recording."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._nodes = ScriptedNodes(case["nodes"])
        self._puid = ""

    async def problems(self) -> Problems:
        """All differences; empty when the engine did what the real executor did."""
        await self._nodes.start()
        try:
            with TemporaryDirectory() as folder:
                case = fill_in(self._case, self._nodes.places())
                launch = Launch(case, self._nodes.ports, Path(folder))
                if "startup_exit" in case["expect"]:
                    return await self._start_problems(case, EngineProcess(launch))
                return await self._played(case, launch)
        finally:
            await self._nodes.stop()

    async def _played(self, case: Case, launch: Launch) -> Problems:
        # Where the real executor dies, ours goes on: there the log of the engine in this process tells.
        ends = "sigterm_after_ms" in case or ("exit_code" in case["expect"] and not case["expect"].get("process_died"))
        engine = EngineProcess(launch) if ends else EngineHere(launch)
        try:
            await engine.start()
            case = fill_in(case, {"{http_port}": str(engine.port)})
            problems = [problem for step in steps(case) for problem in await self._step(engine, case, step)]
            if "metrics" in case["expect"]:
                path = launch.config().prometheus_path
                page = await ask(engine.port, "GET", path, [], None, chunked=False)
                problems += metric_problems(case["expect"]["metrics"], page.body)
            if isinstance(engine, EngineProcess):
                problems += await self._end_problems(case, engine)
        finally:
            await engine.stop()
        sent = [call for call in self._nodes.calls if call.node.startswith("sink")]
        return problems + event_problems(case["expect"].get("events", []), sent, self._puid, engine.port)

    @staticmethod
    async def _end_problems(case: Case, engine: EngineProcess) -> Problems:
        engine.terminate()
        wanted, code = case["expect"].get("exit_code"), await engine.code()
        return [] if wanted in (None, code) else [f"wanted exit code {wanted}, got {code}; its log: {engine.log}"]

    @staticmethod
    async def _start_problems(case: Case, engine: EngineProcess) -> Problems:
        """Go ends with 1, 2 or 255 by how it fails; ours with its own code, and in words instead of a traceback."""
        try:
            await engine.start()
            if engine.port:
                return [f"wanted an end at the start, got an engine on port {engine.port}"]
            wanted, code = case["expect"]["startup_exit"]["code"], await engine.code()
        finally:
            await engine.stop()
        problems = [] if bool(wanted) == bool(code) else [f"wanted exit code {wanted} at the start, got {code}"]
        if not engine.log or "Traceback" in engine.log:
            problems.append(f"wanted the reason in words, got {engine.log!r}")
        return problems

    async def _step(self, engine: EngineHere | EngineProcess, case: Case, step: Case) -> Problems:
        expect = step["expect"]
        if engine.events is not None:
            engine.events.clear()
        self._nodes.calls[:] = [call for call in self._nodes.calls if call.node.startswith("sink")]
        got: Message | None = None
        problems: Problems = []
        for _ in range(case.get("repeat", 1)):
            watch = _Stopwatch()
            got, problems = await self._sent(engine, case, step)
            problems += watch.problems(expect.get("timing", {}))
        if "response" in expect:
            problems += self._answer_problems(expect, step, got)
        if expect.get("connection_closed"):
            problems += self._closed_problems(expect, engine.events, got)
        return problems + self._call_problems(expect, case)

    async def _sent(
        self, engine: EngineHere | EngineProcess, case: Case, step: Case
    ) -> tuple[Message | None, Problems]:
        request = request_of(step)
        self._puid = request["headers"].get("Seldon-Puid", "")
        pairs = [(name, value if isinstance(value, list) else [value]) for name, value in request["headers"].items()]
        headers = [(name, value) for name, values in pairs for value in values]
        body = None if request["body"] is None else body_bytes(request["body"])
        asked = asyncio.create_task(
            ask(engine.port, request["method"], request["path"], headers, body, chunked=request.get("chunked", False))
        )
        problems: Problems = []
        if isinstance(engine, EngineProcess) and "sigterm_after_ms" in case:
            problems = await self._stopped_meanwhile(engine, case, asked)
        try:
            return await asked, problems
        except (asyncio.IncompleteReadError, ConnectionError):
            return None, problems

    async def _stopped_meanwhile(self, engine: EngineProcess, case: Case, asked: asyncio.Task[Message]) -> Problems:
        """Tell the engine to end during the request; what a new connection meets from then on, up to the answer."""
        await asyncio.sleep(case["sigterm_after_ms"] / 1000)
        called = asyncio.create_task(self._nodes.called.wait())
        await asyncio.wait([called, asked], return_when=asyncio.FIRST_COMPLETED)
        called.cancel()
        engine.terminate()
        wanted = case["expect"].get("probe_after_signal")
        if wanted is None:
            return []
        await asyncio.sleep(case["probe_after_ms"] / 1000)
        seen: int | str | None = None
        while not asked.done():
            probed = await _probed(engine.port)
            # The signal takes its time to arrive; a connection that is refused once the request is over tells nothing.
            seen = seen if asked.done() else probed
            await asyncio.sleep(_TICK_S)
        return [] if seen == wanted else [f"wanted {wanted} for a connection after the signal, got {seen}"]

    def _answer_problems(self, expect: Case, step: Case, got: Message | None) -> Problems:
        if got is None:
            return [f"wanted an answer, the connection was closed; the nodes saw {self._nodes.calls}"]
        asked = request_of(step)["headers"].get("Seldon-Puid", "")
        asked = asked[0] if isinstance(asked, list) else asked
        self._puid = asked or got.header("Seldon-Puid") or ""
        return response_problems(expect["response"], got, asked)

    @staticmethod
    def _closed_problems(expect: Case, events: list[str] | None, got: Message | None) -> Problems:
        if got is not None:
            return [f"wanted a closed connection, got status {got.start[1]}"]
        wanted = _DIED if expect.get("process_died") else _PANICKED
        return [] if events is None or wanted in events else [f"wanted log event {wanted}, got {events}"]

    def _call_problems(self, expect: Case, case: Case) -> Problems:
        calls = self._seen_calls(case)
        problems = [f"call to a path that is not scripted: {call.node}{call.path}" for call in calls if call.unscripted]
        if "calls" in expect:
            problems += CallMatcher(self._puid, case.get("observe", [])).problems(expect["calls"], calls)
        counts = Counter(f"{call.node}{call.path}" for call in calls)
        if "call_counts" in expect and counts != expect["call_counts"]:
            problems.append(f"calls: wanted {expect['call_counts']}, got {counts}")
        if "call_set" in expect and set(counts) != set(expect["call_set"]):
            problems.append(f"called: wanted {sorted(expect['call_set'])}, got {sorted(counts)}")
        for name, (low, high) in expect.get("call_count_ranges", {}).items():
            if not low <= counts[name] <= high:
                problems.append(f"calls of {name}: wanted {low} to {high}, got {counts[name]}")
        if "call_total" in expect and counts.total() != expect["call_total"]:
            problems.append(f"calls: wanted {expect['call_total']}, got {counts.total()}")
        return problems

    def _seen_calls(self, case: Case) -> list[Call]:
        calls = [call for call in self._nodes.calls if not call.node.startswith("sink")]
        return calls if case.get("observe_tcp") else [call for call in calls if not call.connect_only]


async def _probed(port: int) -> int | str:
    """What a new connection meets: a status, `refused`, or `closed` without an answer."""
    try:
        return int((await ask(port, "GET", "/live", [], None, chunked=False)).start[1])
    except ConnectionRefusedError:
        return "refused"
    except (asyncio.IncompleteReadError, ConnectionError):
        return "closed"


def replay(case: Case) -> Problems:
    """Play one case in an event loop of its own."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(asyncio.wait_for(Replay(case).problems(), timeout=_CASE_TIMEOUT_S))
