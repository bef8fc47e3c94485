"""The engine's connections: which are open, which are being answered, and how they end.

aiohttp speaks HTTP here; what it does otherwise than Go's `net/http` server is replaced.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from graph.errors import ComponentError

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_IDLE_TIMEOUT_S = 65.0
_LONGEST_LINE = 1 << 20
_MOST_HEADERS = 10_000
_BACKLOG = 1024
# aiohttp takes 0 for no limit at all.
_AT_ONCE_S = 0.001


class _Request(web.BaseRequest):
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


class _Connection(RequestHandler):
    """One client's connection."""

    @property
    def idle(self) -> bool:
        """Whether no request is being answered, and none waits."""
        return not self._messages and (self._request_count == 0 or self._waiter is not None)

    def finish(self) -> None:
        """Close, after the answer if one is on its way."""
        if self.idle:
            self.force_close()
        else:
            self.close()


class _Connections(web.Server):
    """All connections of an engine."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, request_factory=self._request)
        self._living: set[RequestHandler] = set()
        self._none_living = asyncio.Event()
        self._none_living.set()

    def __call__(self) -> RequestHandler:
        return _Connection(
            self,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type]  # as AppRunner passes it on: no log
            auto_decompress=False,
            keepalive_timeout=_IDLE_TIMEOUT_S,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
        )

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        # Bodies have no limit.
        return _Request(message, payload, protocol, writer, task, self._loop, client_max_size=0)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._living.add(handler)
        self._none_living.clear()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._living.discard(handler)
        if not self._living:
            self._none_living.set()

    async def end(self, timeout_s: float) -> int:
        """Close all, those that are being answered after it; returns how many were cut off when the time ran out."""
        for connection in self.connections:
            if isinstance(connection, _Connection):
                connection.finish()
        try:
            async with asyncio.timeout(timeout_s):
                await self._none_living.wait()
        except TimeoutError:
            return len(self._living)
        finally:
            await self.shutdown(_AT_ONCE_S)
        return 0


class Listener:
    """A port whose requests all go to one handler."""

    def __init__(self, server: asyncio.Server, connections: _Connections) -> None:
        self._server = server
        self._connections = connections
        self.port: int = server.sockets[0].getsockname()[1]

    @classmethod
    async def open(cls, host: str, port: int, handler: Handler) -> "Listener":
        """Listen.

        Raises: ComponentError: the port is taken, or the address is not one of this machine.
        """
        connections = _Connections(handler)
        try:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(connections, host, port, backlog=_BACKLOG, reuse_address=True)
        except OSError as error:
            raise ComponentError(
                f"engine: wanted to listen on {host}:{port}, got {error.strerror}: "
                "stop what listens there, or choose another port"
            ) from error
        return cls(server, connections)

    async def close(self, timeout_s: float) -> int:
        """Take no new connections, and end those that there are; returns how many lost their answer to the timeout."""
        self._server.close()
        # What has arrived is begun with, and not taken for idle.
        await asyncio.sleep(0)
        return await self._connections.end(timeout_s)
