"""Nodes of a graph that answer by script, and a log of every call in the order of arrival."""

import asyncio
import itertools
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from support.graph.vector_bodies import body_bytes
from support.graph.vectors import fill_in
from support.raw_http import HeaderList, head_bytes, read_body, read_head

Script = Mapping[str, Any]
_STEP = itertools.count()
_JSON = {"Content-Type": "application/json"}


@dataclass
class Call:
    """One call of a node. `arrived` and `answered` are places in one order of all that happens, not times."""

    node: str
    method: str = ""
    path: str = ""
    headers: HeaderList = field(default_factory=list)
    body: bytes = b""
    arrived: int = 0
    answered: int = 0
    delayed: bool = False
    unscripted: bool = False
    connect_only: bool = False


class ScriptedNodes:
    """All nodes of a case on free ports of the loopback."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = scripts
        self._servers: list[asyncio.Server] = []
        self._closed_ports: list[socket.socket] = []
        self._positions: dict[tuple[str, str], int] = {}
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self.ports: dict[str, int] = {}
        self.calls: list[Call] = []
        self.called = asyncio.Event()

    async def start(self) -> None:
        """Listen, or for a node that refuses, keep a port that nobody listens on."""
        for name, script in self._scripts.items():
            if script.get("*", {}) == {"refuse": True}:
                refusing = socket.socket()
                refusing.bind(("127.0.0.1", 0))
                self._closed_ports.append(refusing)
                self.ports[name] = refusing.getsockname()[1]
                continue
            server = await asyncio.start_server(self._connection(name), "127.0.0.1", 0, limit=1 << 20)
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]
        self._scripts = fill_in(self._scripts, self.places())

    def places(self) -> dict[str, str]:
        """The addresses of the nodes by their placeholders."""
        return {f"{{node:{name}}}": f"127.0.0.1:{port}" for name, port in self.ports.items()}

    async def stop(self) -> None:
        """Close everything at once, answers under way included."""
        for server in self._servers:
            server.close()
        tasks = [task for task in self._connections.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        for refusing in self._closed_ports:
            refusing.close()

    def _connection(self, name: str) -> Any:  # noqa: ANN401 - asyncio's callback type is a union
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._connections[writer] = asyncio.current_task()
            asked = False
            try:
                while await self._one(name, reader, writer):
                    asked = True
            except (asyncio.IncompleteReadError, ConnectionError):
                if not asked:
                    self.calls.append(Call(name, connect_only=True, arrived=next(_STEP)))
            finally:
                self._connections.pop(writer, None)
                writer.close()

        return serve

    async def _one(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the script closes the connection."""
        (method, path, _), headers = await read_head(reader)
        body = await read_body(reader, headers, to_the_end=False)
        call = Call(name, method, path, headers, body, arrived=next(_STEP))
        self.calls.append(call)
        self.called.set()
        action = self._action(name, path.partition("?")[0])
        call.unscripted = action is None
        return await self._answer(writer, call, action or {"status": 501, "body": "not in the script"})

    def _action(self, name: str, path: str) -> Script | None:
        script = self._scripts[name]
        key = path if path in script else "*"
        action = script.get(key)
        if not isinstance(action, list):
            return action
        position = self._positions.get((name, key), 0)
        self._positions[name, key] = position + 1
        chosen: Script = action[min(position, len(action) - 1)]
        return chosen

    @staticmethod
    async def _answer(writer: asyncio.StreamWriter, call: Call, action: Script) -> bool:
        call.delayed = "delay_ms" in action
        await asyncio.sleep(action.get("delay_ms", 0) / 1000)
        call.answered = next(_STEP)
        if action.get("close"):
            return False
        if "raw" in action:
            with suppress(ConnectionError):
                writer.write(body_bytes(action["raw"]))
                await writer.drain()
            return False
        body = body_bytes(action.get("body", ""))
        status = action.get("status", 200)
        headers = [*action.get("headers", _JSON).items(), ("Content-Length", str(len(body)))]
        with suppress(ConnectionError):
            writer.write(head_bytes(f"HTTP/1.1 {status} Scripted", headers))
            await asyncio.sleep(action.get("delay_body_ms", 0) / 1000)
            writer.write(body[: action.get("truncate_body", len(body))] if status not in (204, 304) else b"")
            await writer.drain()
        return "truncate_body" not in action
