"""The engine's HTTP side: finds the route, runs it, counts it, and answers as the executor would."""

import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from graph.engine.config import EngineConfig
from graph.engine.core.errors import CallFailedError, ExecutorPanicError
from graph.engine.core.headers import forwarded
from graph.engine.core.nodes import METADATA, STATUS, Node
from graph.engine.core.payload import Payload
from graph.engine.go import errors as goerrors
from graph.engine.http import openapi, replies
from graph.engine.http.client import NodeClient
from graph.engine.http.replies import CommonHeaders, ReplyHeaders
from graph.engine.http.routes import Action, NotFound, Redirect, Route, Routes
from graph.engine.telemetry import metrics as metric_page
from graph.engine.telemetry.events import EventLog
from graph.engine.telemetry.metrics import EngineMetrics
from graph.engine.telemetry.tracing import Tracer
from graph.engine.walk.feedback import FeedbackWalk
from graph.engine.walk.health import is_ready
from graph.engine.walk.metadata import graph_metadata
from graph.engine.walk.predict import PredictionWalk, RequestContext

_SKIPS_LOGGING = frozenset({"true", "on", "1"})
_OPENAPI_FILE = "seldon.json"
_CONTINUE = "100-continue"

GraphHandler = Callable[[web.BaseRequest, Route, RequestContext], Awaitable[Payload]]

logger = logging.getLogger(__name__)


class EngineServer:
    """Handles requests for one graph."""

    def __init__(
        self,
        config: EngineConfig,
        root: Node,
        *,
        client: NodeClient,
        event_log: EventLog,
        metrics: EngineMetrics,
        tracer: Tracer,
    ) -> None:
        self._config = config
        self._root = root
        self._client = client
        self._metrics = metrics
        self._tracer = tracer
        self._prediction_walk = PredictionWalk(client, event_log, injects_routing=config.routing_injection)
        self._feedback_walk = FeedbackWalk(client, event_log)
        self._routes = Routes(config.prometheus_path)
        self._common = CommonHeaders(
            deployment=config.deployment,
            namespace=config.namespace,
            cors_origins=config.cors_origins,
            cors_headers=config.cors_headers,
        )
        self._graph_handlers: dict[Action, GraphHandler] = {
            Action.PREDICT: self._predict,
            Action.FEEDBACK: self._feedback,
            Action.NODE_STATUS: self._node_status,
            Action.NODE_METADATA: self._node_metadata,
            Action.GRAPH_METADATA: self._graph_metadata,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Where the real executor gives no answer, the connection is closed without one."""
        try:
            return await self._answer(request)
        except ExecutorPanicError as panic:
            event = "engine.executor_would_die" if panic.kills_process else "engine.executor_would_panic"
            logger.error(event, extra={"facts": {"reason": panic.reason, "path": request.path}})  # noqa: TRY400
            self._metrics.panicked(kills_process=panic.kills_process)
        except Exception:
            logger.exception("engine.request_crashed", extra={"facts": {"path": request.path}})
        return _closed(request)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        outside = _outside_of_routes(request)
        if outside is not None:
            return outside
        route = self._routes.find(request.method, request.raw_path)
        if isinstance(route, Redirect):
            return replies.empty(HTTPStatus.MOVED_PERMANENTLY, CIMultiDict({"Location": route.location}))
        if isinstance(route, NotFound):
            return replies.not_found() if route is NotFound.PATH else replies.empty(HTTPStatus.METHOD_NOT_ALLOWED)
        node_headers, puid = forwarded(request.headers.items())
        headers = self._common.of(request, route, puid)
        if request.method == "OPTIONS":
            return replies.empty(HTTPStatus.OK, headers)
        if route.service is None:
            return await self._unmeasured(route, headers)
        skips = request.headers.get("Seldon-Skip-Logging", "").lower() in _SKIPS_LOGGING
        context = RequestContext(self._tracer.begin(node_headers), puid, logs=not skips)
        return await self._measured(request, route, context, headers)

    async def _measured(
        self, request: web.BaseRequest, route: Route, context: RequestContext, headers: ReplyHeaders
    ) -> web.StreamResponse:
        started = time.perf_counter()
        if route.action is Action.READY:
            reply = await self._ready(headers)
        else:
            try:
                payload = await self._graph_handlers[route.action](request, route, context)
                reply = replies.answer(payload, headers)
            except CallFailedError as error:
                logger.info(
                    "engine.request_failed",
                    extra={"facts": {"puid": context.puid, "status": error.status, "info": error.info}},
                )
                reply = replies.failure(error, headers)
        self._metrics.served(route.service or "", request.method, reply.status, time.perf_counter() - started)
        return reply

    async def _unmeasured(self, route: Route, headers: ReplyHeaders) -> web.StreamResponse:
        if route.action is Action.READY:
            return await self._ready(headers)
        if route.action is Action.METRICS:
            return replies.page(self._metrics.exposition(), metric_page.CONTENT_TYPE, headers)
        if route.action is Action.LIVE:
            return replies.empty(HTTPStatus.OK, headers)
        return self._document(route.file, headers)

    def _document(self, name: str, headers: ReplyHeaders) -> web.Response:
        if name != _OPENAPI_FILE or not self._config.openapi:
            return replies.not_found(headers)
        headers["Accept-Ranges"] = "bytes"
        body = openapi.description(self._config.namespace, self._config.deployment)
        return replies.page(body, "application/json", headers)

    async def _ready(self, headers: ReplyHeaders) -> web.Response:
        ready = await is_ready(self._root, self._client, full=self._config.full_health_checks)
        return replies.empty(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, headers)

    async def _predict(self, request: web.BaseRequest, _route: Route, context: RequestContext) -> Payload:
        return await self._prediction_walk.predict(self._root, await _message(request), context)

    async def _feedback(self, request: web.BaseRequest, _route: Route, context: RequestContext) -> Payload:
        return await self._feedback_walk.send(self._root, await _message(request), context)

    async def _node_status(self, _request: web.BaseRequest, route: Route, context: RequestContext) -> Payload:
        return await self._client.call(self._node(route.node), STATUS, None, context.headers)

    async def _node_metadata(self, _request: web.BaseRequest, route: Route, context: RequestContext) -> Payload:
        return await self._client.call(self._node(route.node), METADATA, None, context.headers)

    async def _graph_metadata(self, _request: web.BaseRequest, _route: Route, context: RequestContext) -> Payload:
        return await graph_metadata(self._client, self._root, self._config.predictor.name, context.headers)

    def _node(self, name: str) -> Node:
        for node in self._root.walk():
            if node.name == name:
                return node
        raise CallFailedError(f"Failed to find model {name}")


def _outside_of_routes(request: web.BaseRequest) -> web.Response | None:
    """What Go's server answers before it looks at the path; None = nothing."""
    if _CONTINUE not in request.headers.get("Expect", _CONTINUE).lower():
        reply = replies.empty(HTTPStatus.EXPECTATION_FAILED)
        reply.force_close()
        return reply
    if request.method == "CONNECT":
        return replies.not_found()
    return replies.empty(HTTPStatus.OK) if (request.method, request.raw_path) == ("OPTIONS", "*") else None


async def _message(request: web.BaseRequest) -> Payload:
    """The client's message. The executor ignores its Content-Encoding, which stays a header.

    Raises: CallFailedError: the body ends early.
    """
    try:
        if _CONTINUE in request.headers.get("Expect", "").lower() and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = await request.read()
    except (web.RequestPayloadError, ConnectionError) as error:
        raise CallFailedError(goerrors.EARLY_END) from error
    return Payload(body, request.headers.get("Content-Type", ""))


def _closed(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    # Never written: aiohttp sees that the connection is closed.
    return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
