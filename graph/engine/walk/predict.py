"""Predictions through the graph: which nodes get a request, in which order, and whose answer is returned.

Source: executor/predictor/predictor_process.go of Seldon Core 1.17.1 and the recorded vectors. A node's payloads are
logged around each of its steps, so a parent logs twice.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from graph.engine.core.errors import CallFailedError, ExecutorPanicError
from graph.engine.core.headers import Headers
from graph.engine.core.nodes import AGGREGATE, ROUTE, TRANSFORM_OUTPUT, Node
from graph.engine.core.payload import Payload, error_body
from graph.engine.go import json as gojson
from graph.engine.http.client import NodeClient
from graph.engine.telemetry import events
from graph.engine.telemetry.events import EventLog
from graph.engine.walk.route_reply import ALL_CHILDREN, NO_CHILD, route_index
from graph.engine.walk.routing_injection import inject

Step = Callable[[Node], Awaitable[Payload]]


@dataclass(frozen=True)
class RequestContext:
    """One client request: the headers for nodes, its id, whether its payloads are logged, and the routing so far."""

    headers: Headers
    puid: str
    logs: bool
    routing: dict[str, int] = field(default_factory=dict)


async def each_child(children: Sequence[Node], step: Step) -> list[Payload]:
    """The step's results for all children, run at the same time, in the order of the children.

    All are awaited; then the failure of the first failed child is raised. A panic in a child ends the whole executor.
    """
    if len(children) == 1:
        results: list[Payload | BaseException] = [await _settled(step(children[0]))]
    else:
        results = await asyncio.gather(*(_settled(step(child)) for child in children))
    for result in results:
        if isinstance(result, ExecutorPanicError):
            raise ExecutorPanicError(result.reason, kills_process=True) from result
    payloads = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        payloads.append(result)
    return payloads


async def _settled(step: Awaitable[Payload]) -> Payload | BaseException:
    try:
        return await step
    except Exception as error:  # noqa: BLE001 - raised again by each_child when the other children are done
        return error


def child_at(node: Node, index: int) -> Node:
    """The child of that index.

    Raises: ExecutorPanicError: there is no such child; a negative index does not count from the end.
    """
    if not 0 <= index < len(node.children):
        raise ExecutorPanicError(f"node {node.name} has {len(node.children)} children, and child {index} was chosen")
    return node.children[index]


class PredictionWalk:
    """Predictions through the graph."""

    def __init__(self, client: NodeClient, event_log: EventLog, *, injects_routing: bool) -> None:
        self._client = client
        self._events = event_log
        self._injects_routing = injects_routing
        self._random = random.Random()  # noqa: S311 - an A/B test, no secret

    async def predict(self, node: Node, message: Payload, context: RequestContext) -> Payload:
        """The graph's answer below this node.

        Raises: CallFailedError: a node failed.  ExecutorPanicError: the real executor gives no answer here.
        """
        transformed = await self._transform_input(node, message, context)
        answer = await self._children(node, transformed, context) if node.children else transformed
        if not self._injects_routing:
            return await self._transform_output(node, answer, context)
        try:
            return inject(await self._transform_output(node, answer, context), context.routing)
        except CallFailedError as error:
            # The executor writes the routing into an error's body too, and then answers 200.
            failed = error.payload or Payload(error_body(error.info), "")
            injected = inject(failed, context.routing)
            if injected is failed:
                raise
            return injected

    async def _transform_input(self, node: Node, message: Payload, context: RequestContext) -> Payload:
        if node.input_path is None:
            return message
        context.routing.setdefault(node.name, ALL_CHILDREN)
        return await self._logged_call(node, node.input_path, message, context)

    async def _transform_output(self, node: Node, message: Payload, context: RequestContext) -> Payload:
        if not node.transforms_output:
            return message
        return await self._logged_call(node, TRANSFORM_OUTPUT, message, context)

    async def _children(self, node: Node, message: Payload, context: RequestContext) -> Payload:
        self._log_request(node, message, context)
        route = await self._route(node, message, context)
        if route == NO_CHILD:
            context.routing[node.name] = route
            return message

        def step(child: Node) -> Awaitable[Payload]:
            return self.predict(child, message, context)

        if route == ALL_CHILDREN:
            outputs = await each_child(node.children, step)
        else:
            outputs = [await step(child_at(node, route))]
        context.routing[node.name] = route
        answer = await self._aggregate(node, message, outputs, context) if node.aggregates else outputs[0]
        self._log_response(node, answer, context)
        return answer

    async def _route(self, node: Node, message: Payload, context: RequestContext) -> int:
        if node.routes:
            return await self._asked_route(node, message, context)
        if node.ab_test is None:
            return ALL_CHILDREN
        if node.ab_test.error:
            raise CallFailedError(node.ab_test.error)
        return 0 if self._random.random() < node.ab_test.share else 1

    async def _asked_route(self, node: Node, message: Payload, context: RequestContext) -> int:
        try:
            reply = await self._client.call(node, ROUTE, message, context.headers)
        except CallFailedError as error:
            # A router's own error body is lost; the client sees the executor's text.
            raise CallFailedError(error.info, status=error.status) from error
        return route_index(reply.body)

    async def _aggregate(
        self, node: Node, message: Payload, outputs: Sequence[Payload], context: RequestContext
    ) -> Payload:
        self._log_request(node, message, context)
        if not all(gojson.is_valid(output.body) for output in outputs):
            raise CallFailedError("Data is not JSON")
        joined = b"[" + b",".join(output.body for output in outputs) + b"]"
        listed = Payload(joined, outputs[0].content_type)
        answer = await self._client.call(node, AGGREGATE, listed, context.headers)
        self._log_response(node, answer, context)
        return answer

    async def _logged_call(self, node: Node, path: str, message: Payload, context: RequestContext) -> Payload:
        self._log_request(node, message, context)
        answer = await self._client.call(node, path, message, context.headers)
        self._log_response(node, answer, context)
        return answer

    def _log_request(self, node: Node, payload: Payload, context: RequestContext) -> None:
        if node.log is not None and node.log.requests and context.logs:
            self._events.log(node, events.REQUEST, payload, context.puid)

    def _log_response(self, node: Node, payload: Payload, context: RequestContext) -> None:
        if node.log is not None and node.log.responses and context.logs:
            self._events.log(node, events.RESPONSE, payload, context.puid)
