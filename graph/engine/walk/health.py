"""Readiness of the graph: every node with an endpoint, children first, one after the other, up to the first failure."""

import asyncio
from contextlib import suppress

from graph.engine.core.errors import CallFailedError
from graph.engine.core.nodes import Node
from graph.engine.http.client import CONNECT_TIMEOUT_S, OK, NodeClient

_FULL_CHECK_PATH = "/api/v1.0/health/status"


async def is_ready(node: Node, client: NodeClient, *, full: bool) -> bool:
    """Whether all nodes answer: a TCP connection each, or with `full` a 200 on their health status."""
    for child in node.children:
        if not await is_ready(child, client, full=full):
            return False
    if node.probe is None:
        return True
    host, port = node.probe
    return await _answers(client, host, port) if full else await _connects(host, port)


async def _connects(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def _answers(client: NodeClient, host: str, port: int) -> bool:
    bracketed = f"[{host}]" if ":" in host else host
    try:
        return await client.probe(f"http://{bracketed}:{port}{_FULL_CHECK_PATH}") == OK
    except CallFailedError:
        return False
