"""Engines of one or two nodes in this process, and bare bytes sent to them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from support.graph.scripted_nodes import ScriptedNodes

from graph.engine import EngineConfig, GraphEngine
from graph.spec.deployment import Predictor

PREDICTIONS = "/api/v1.0/predictions"
# Generous: everything here answers within milliseconds, or never.
PATIENCE_S = 120.0


def config(unit: Mapping[str, Any], port: int = 0, **options: Any) -> EngineConfig:  # noqa: ANN401 - any setting
    predictor = Predictor.from_wire({"name": "mypred", "graph": unit})
    return EngineConfig(predictor=predictor, deployment="mydep", namespace="myns", port=port, **options)


def model(port: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of a node
    endpoint = {"service_host": "127.0.0.1", "service_port": port, "httpPort": port, "grpcPort": port}
    return {"name": "m", "type": "MODEL", "endpoint": endpoint, **more}


@asynccontextmanager
async def running(settings: EngineConfig) -> AsyncIterator[GraphEngine]:
    engine = GraphEngine(settings)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


@asynccontextmanager
async def scripted(scripts: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[ScriptedNodes]:
    nodes = ScriptedNodes(scripts)
    await nodes.start()
    try:
        yield nodes
    finally:
        await nodes.stop()


async def said_to(port: int, *parts: bytes, half_close: bool = False) -> bytes:
    """All that comes back on one connection until the other side closes it, or is told that no more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if half_close:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()
