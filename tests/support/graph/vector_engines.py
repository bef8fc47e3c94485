"""The engine of a recorded case: in this process, or in one of its own where its end is recorded."""

import asyncio
import json
import logging
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.graph.vectors import Case

from graph.engine import EngineConfig, GraphEngine
from graph.engine.annotations import parse
from graph.engine.commandline import engine_config
from graph.operator.executor_container import encoded
from graph.seldon import PREDICTOR

ROOT = Path(__file__).parents[3]
# Generous: a start takes half a second, an end no longer than the case's own timeouts.
_PATIENCE_S = 120.0
_USUAL = "--sdep mydep --namespace myns --predictor mypred --http_port 0 --grpc_port 0 --prometheus_path /prometheus"
_GRAPH_FILE, _ANNOTATIONS_FILE = "graph.yaml", "annotations"
_LISTENING = re.compile(rb"engine\.started .*'port': ([0-9]+)")
# The engine's own entry point, but for the place where a pod has its annotations.
_ENTRY = (
    "import pathlib, sys; import graph.engine.__main__ as entry; "
    "entry.ANNOTATIONS = pathlib.Path(sys.argv.pop(1)); sys.exit(entry.main())"
)


def _graph(unit: Mapping[str, Any], ports: Mapping[str, int]) -> dict[str, Any]:
    out = dict(unit)
    if "endpoint" in unit:
        port = ports[unit["endpoint"]["node"]]
        out["endpoint"] = {"service_host": "127.0.0.1", "service_port": port, "httpPort": port, "grpcPort": port}
    if "children" in unit:
        out["children"] = [_graph(child, ports) for child in unit["children"]]
    return out


class Launch:
    """What a case starts its engine with, files included: written into `folder`, which is its working folder."""

    def __init__(self, case: Case, ports: Mapping[str, int], folder: Path) -> None:
        self.folder = folder
        self._case = case
        predictor = {"name": "mypred", "graph": _graph(case["graph"], ports), **case.get("predictor", {})}
        self.environ: dict[str, str] = {**case.get("env", {})}
        if case.get("engine_predictor"):
            self.environ[PREDICTOR] = encoded(predictor)
        document = {"kind": "SeldonDeployment", "metadata": {"name": "mydep"}, "spec": {"predictors": [predictor]}}
        self._graph_file = folder / _GRAPH_FILE
        self._graph_file.write_text(json.dumps(document, ensure_ascii=False))
        lines = (f'{key}="{value}"\n' for key, value in case.get("annotations", {}).items())
        text = case.get("annotations_raw", "".join(lines))
        self.annotations = folder / _ANNOTATIONS_FILE
        if text:
            self.annotations.write_text(text)

    @property
    def arguments(self) -> list[str]:
        """The command line of the case, as the operator begins it; the graph from a file unless the env has it."""
        graph = [] if self._case.get("engine_predictor") else ["--file", _GRAPH_FILE]
        return self._case.get("args") or [*_USUAL.split(), *graph, *self._case.get("flags", [])]

    def config(self) -> EngineConfig:
        """What the command line makes of it.

        Raises: UsageError: the engine does not start with it.
        """
        words = [str(self._graph_file) if word == _GRAPH_FILE else word for word in self.arguments]
        annotations = parse(self.annotations.read_text()) if self.annotations.exists() else {}
        config = engine_config(words, self.environ, annotations)
        return replace(config, openapi=self._case.get("openapi_dir", False))


class EngineHere(logging.Handler):
    """The engine in this process; keeps the names of its log events."""

    def __init__(self, launch: Launch) -> None:
        super().__init__()
        self._launch = launch
        self._engine: GraphEngine | None = None
        self._log = logging.getLogger("graph.engine")
        self._level = self._log.level
        self.events: list[str] = []
        self.port = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(record.getMessage())

    async def start(self) -> None:
        """Listen."""
        engine = GraphEngine(self._launch.config())
        await engine.start()
        self._engine, self.port = engine, engine.port
        self._log.addHandler(self)
        self._log.setLevel(logging.INFO)

    async def stop(self) -> None:
        """End it. What waits is sent first: after it no event can come."""
        self._log.removeHandler(self)
        self._log.setLevel(self._level)
        if self._engine is not None:
            await self._engine.stop()


class EngineProcess:
    """The engine as a process of its own, which can be told to end, and has an exit code."""

    events: list[str] | None = None
    """Its log is its own."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._log = b""
        self._listening = asyncio.Event()
        self._told = False
        self.port = 0

    async def start(self) -> None:
        """Begin it, and wait until it listens or has ended."""
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self._launch.environ}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _ENTRY,
            str(self._launch.annotations),
            *self._launch.arguments,
            cwd=self._launch.folder,
            env=environ,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        self._reading = asyncio.create_task(self._read(self._process))
        async with asyncio.timeout(_PATIENCE_S):
            await self._listening.wait()

    async def _read(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._log += line
            if found := _LISTENING.search(line):
                self.port = int(found[1])
                self._listening.set()
        self._listening.set()

    @property
    def log(self) -> str:
        """What it said so far."""
        return self._log.decode()

    def terminate(self) -> None:
        """Send it SIGTERM, once, if it has not ended by itself."""
        if self._process is not None and self._process.returncode is None and not self._told:
            self._told = True
            self._process.send_signal(signal.SIGTERM)

    async def code(self) -> int:
        """Wait for its end: its exit code."""
        assert self._process is not None
        async with asyncio.timeout(_PATIENCE_S):
            return await self._process.wait()

    async def stop(self) -> None:
        """End it, whatever it is at."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if self._reading is not None:
            await self._reading
