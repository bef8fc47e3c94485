"""HTTP to the nodes: one pool of kept connections, the client's headers passed on, redirects and gzip as in Go."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from yarl import URL

from graph.engine.core.errors import CallFailedError, ExecutorPanicError
from graph.engine.core.headers import Headers, for_call
from graph.engine.core.nodes import Node
from graph.engine.core.payload import Payload, error_body
from graph.engine.go import errors as goerrors
from graph.engine.http.redirects import Hop, RedirectError, next_hop
from graph.engine.telemetry.metrics import EngineMetrics
from graph.engine.telemetry.tracing import Tracer

OK = 200
# The executor waits as long as the kernel does; a readiness probe has given up long before that.
CONNECT_TIMEOUT_S = 30.0
# gunicorn closes a kept connection after two idle seconds; a request sent into that moment would be lost.
_KEEP_ALIVE_S = 1.5
_CONTINUE_TIMEOUT_S = 1.0
_REPLAYABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SAYS_REPLAYABLE = frozenset({"Idempotency-Key", "X-Idempotency-Key"})
_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class _PatientRequest(aiohttp.ClientRequest):
    """A request with `Expect: 100-continue` that sends its body after a second even without the 100, as Go does."""

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        waiting = self._continue
        if waiting is not None:
            self.loop.call_later(_CONTINUE_TIMEOUT_S, _go_on, waiting)
        await super().write_bytes(writer, conn, content_length)


def _go_on(waiting: asyncio.Future[bool]) -> None:
    if not waiting.done():
        waiting.set_result(True)


@dataclass
class _Attempt:
    """One sending of a request: whether it went over a connection that had been used before."""

    kept: bool = False


async def _kept(_session: aiohttp.ClientSession, context: Any, _params: object) -> None:  # noqa: ANN401 - aiohttp's own
    context.trace_request_ctx.kept = True


def open_session() -> aiohttp.ClientSession:
    """A session for node calls: no limit of connections, no cookies, nothing decoded or added."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_kept)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_ADDED_BY_AIOHTTP,
        request_class=_PatientRequest,
        trace_configs=[trace],
        max_line_size=1 << 20,
        max_field_size=1 << 20,
    )
    # aiohttp sends a GET again on any connection that the node closes, Go only on one that was kept (see `_send`); and
    # no setting says so.
    session._retry_connection = False  # noqa: SLF001
    return session


class NodeClient:
    """Calls of nodes. `timeout_s` holds for one call with its redirects and its body; None = none."""

    def __init__(
        self, session: aiohttp.ClientSession, metrics: EngineMetrics, timeout_s: float | None, tracer: Tracer
    ) -> None:
        self._session = session
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._tracer = tracer
        self._urls: dict[tuple[Node, str], tuple[URL, str]] = {}
        self._last_call: tuple[Node, str] | None = None

    async def call(self, node: Node, path: str, payload: Payload | None, headers: Headers) -> Payload:
        """The node's 200 answer. A payload is POSTed; without one it is a GET.

        Raises: CallFailedError: any other status, with the node's answer; or no answer, with Go's text for why.
                ExecutorPanicError: the node has no endpoint.
        """
        url, text = self._url(node, path)
        self._last_call = (node, path)
        if payload is None:
            hop = Hop("GET", url, text, for_call(headers, None), None, None)
        else:
            call_headers = for_call(headers, payload.content_type, payload.content_encoding)
            hop = Hop("POST", url, text, call_headers, payload.body, payload.body)
        self._tracer.call(hop.headers)
        return await _Exchange(self._session, self._metrics, (node, path)).run(hop, self._timeout_s)

    async def probe(self, url: str) -> int:
        """Status of a GET on the url, redirects followed.

        Without a timeout the real executor's readiness probes share the nodes' http client, and so are counted under
        the labels of the last node call; so are these.

        Raises: CallFailedError: no answer.
        """
        labels = self._last_call if self._timeout_s is None else None
        exchange = _Exchange(self._session, self._metrics, labels)
        try:
            await exchange.run(Hop("GET", URL(url, encoded=True), url, for_call((), None), None, None), None)
        except CallFailedError as error:
            if exchange.status is None:
                raise
            return error.status
        return OK

    def _url(self, node: Node, path: str) -> tuple[URL, str]:
        known = self._urls.get((node, path))
        if known is None:
            if node.address is None:
                raise ExecutorPanicError(f"node {node.name} is called but has no endpoint")
            text = f"http://{node.address}{path}"
            try:
                known = URL(text, encoded=True), text
            except ValueError as error:
                raise CallFailedError(f'parse "{text}": {error}') from error
            self._urls[node, path] = known
        return known


class _Exchange:
    """One node call: its hops and its answer."""

    def __init__(self, session: aiohttp.ClientSession, metrics: EngineMetrics, labels: tuple[Node, str] | None) -> None:
        self._session = session
        self._metrics = metrics
        self._labels = labels
        self._operation = ""
        self._url = ""
        self.status: int | None = None

    async def run(self, hop: Hop, timeout_s: float | None) -> Payload:
        self._operation = hop.method.capitalize()
        transparent = "Accept-Encoding" not in hop.headers and "Range" not in hop.headers
        if transparent:
            hop.headers["Accept-Encoding"] = "gzip"
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._final_response(hop)
                body = await _body(response)
        except TimeoutError:
            raise self._timed_out() from None
        payload = _payload(response.headers, body, transparent=transparent)
        if response.status != OK:
            info = f"Internal service call from executor failed calling {hop.text} status code {response.status}"
            raise CallFailedError(info, status=response.status, payload=payload)
        return payload

    async def _final_response(self, hop: Hop) -> aiohttp.ClientResponse:
        current: Hop | None = hop
        while current is not None:
            response = await self._send(current)
            try:
                current = next_hop(current, response.status, response.headers.get("Location", ""))
            except RedirectError as error:
                response.close()
                raise CallFailedError(f'{self._operation} "{error.url}": {error.info}') from error
            if current is not None:
                await _body(response)
        self.status = response.status
        return response

    async def _send(self, hop: Hop) -> aiohttp.ClientResponse:
        self._url = hop.text
        started = time.perf_counter()
        try:
            response = await self._sent(hop)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unanswered(goerrors.sending(error, hop.url)) from error
        if self._labels is not None:
            node, path = self._labels
            self._metrics.called(node, path, hop.method, response.status, time.perf_counter() - started)
        return response

    async def _sent(self, hop: Hop) -> aiohttp.ClientResponse:
        """Send, and again where a kept connection turns out to be closed: a node that closed it saw no request."""
        while True:
            attempt = _Attempt()
            try:
                return await self._session.request(
                    hop.method,
                    hop.url,
                    data=hop.body,
                    headers=hop.headers,
                    allow_redirects=False,
                    trace_request_ctx=attempt,
                )
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if not (attempt.kept and _is_replayable(hop)):
                    raise

    def _timed_out(self) -> CallFailedError:
        if self.status is None:
            return self._unanswered(goerrors.AWAITING_HEADERS)
        return _engine_error(goerrors.READING_BODY)

    def _unanswered(self, reason: str) -> CallFailedError:
        return _engine_error(f'{self._operation} "{self._url}": {reason}')


def _is_replayable(hop: Hop) -> bool:
    """Whether Go's transport takes a request for one that may be sent twice."""
    return hop.method in _REPLAYABLE or not _SAYS_REPLAYABLE.isdisjoint(hop.headers)


def _engine_error(info: str) -> CallFailedError:
    return CallFailedError(info, payload=Payload(error_body(info), ""))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.read()
    except (aiohttp.ClientError, OSError) as error:
        raise _engine_error(goerrors.EARLY_END) from error


def _payload(headers: Mapping[str, str], body: bytes, *, transparent: bool) -> Payload:
    content_type = headers.get("Content-Type", "")
    encoding = headers.get("Content-Encoding", "")
    if transparent and encoding.lower() == "gzip":
        try:
            return Payload(goerrors.gunzipped(body), content_type)
        except ValueError as error:
            raise _engine_error(str(error)) from error
    return Payload(body, content_type, encoding)
