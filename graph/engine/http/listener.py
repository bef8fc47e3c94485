"""The engine's connections: which are open, which are being answered, and how they end.

aiohttp speaks HTTP here; what it does otherwise than Go's `net/http` server is replaced.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE, RequestHandler, RequestPayloadError

from graph.engine.http.request_parser import RefusedRequestError, RequestParser
from graph.errors import ComponentError

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_IDLE_TIMEOUT_S = 65.0
_LONGEST_LINE = 1 << 20
_MOST_HEADERS = 10_000
_BACKLOG = 1024
# aiohttp takes 0 for no limit at all.
_AT_ONCE_S = 0.001
# As Go's server waits after a refusal.
_LINGER_S = 0.5
_TOO_LONG = "431 Request Header Fields Too Large"

logger = logging.getLogger(__name__)


class _Request(web.BaseRequest):
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


class _Connection(RequestHandler):
    """One client's connection."""

    def __init__(self, manager: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as AppRunner passes it on: no log
            keepalive_timeout=_IDLE_TIMEOUT_S,
        )
        self._requests = RequestParser(
            self,
            loop,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=MAX_MSG_QUEUE_SIZE,
        )
        self._parser = self._requests
        self._half_closed = False
        self._body: StreamReader | None = None
        self._broken_body = False

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

    def begin(self, body: StreamReader) -> None:
        """A request is taken up that has this body."""
        self._broken_body = self._body is not None and self._body.exception() is not None
        self._body = body
        self._close_after_last()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own: True keeps it open
        """The client has sent all that it will: answer what it asked, and close only then."""
        if self.transport is None:
            return False
        if self.idle:
            if self._requests.within_head:
                self._refuse(RefusedRequestError("the end of the connection inside a request"))
            return False
        self._half_closed = True
        for body in (self._body, *(payload for _, payload in self._messages)):
            if body is not None and not body.is_eof():
                body.set_exception(ConnectionResetError("the body ends early"))
                body.feed_eof()
        self._close_after_last()
        return True

    def _close_after_last(self) -> None:
        if self._half_closed and not self._messages:
            self.close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Refuse what is no request, in the words of Go; a body that breaks off has its answer already."""
        if not isinstance(exc, BadHttpMessage):
            return super().handle_error(request, status, exc, message)
        if self._broken_body:
            self.force_close()
        else:
            self._refuse(exc if isinstance(exc, RefusedRequestError) else _in_words(exc))
        # Never written: to aiohttp the connection is gone.
        return web.Response(status=status)

    def _refuse(self, refused: RefusedRequestError) -> None:
        """Say so, and close: not at once, for what still comes would turn into a reset that takes the answer along."""
        logger.warning("engine.request_refused", extra={"facts": {"reason": f"got {refused.reason}"}})
        transport, self.transport = self.transport, None
        self.close()
        if transport is not None:
            head = f"HTTP/1.1 {refused.status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
            transport.write((head + refused.body).encode())
            transport.write_eof()
            self._loop.call_later(_LINGER_S, transport.close)


class _Connections(web.Server):
    """All connections of an engine."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, request_factory=self._request)
        self._living: set[RequestHandler] = set()
        self._none_living = asyncio.Event()
        self._none_living.set()

    def __call__(self) -> RequestHandler:
        return _Connection(self, self._loop)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if isinstance(protocol, _Connection):
            protocol.begin(payload)
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


def _in_words(error: BadHttpMessage) -> RefusedRequestError:
    """What aiohttp's parser refuses before ours sees it."""
    if isinstance(error, LineTooLong):
        return RefusedRequestError("a line that is too long", _TOO_LONG)
    return RefusedRequestError("a head or a body that is not HTTP")


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
                f"engine: wanted to listen on {host}:{port}, got {error.strerror}; "
                "stop the process that uses the port, or choose another port"
            ) from error
        return cls(server, connections)

    async def close(self, timeout_s: float) -> int:
        """Take no new connections, and end those that there are; returns how many lost their answer to the timeout."""
        self._server.close()
        # What has arrived is begun with, and not taken for idle.
        await asyncio.sleep(0)
        return await self._connections.end(timeout_s)
