"""Feedback through the graph: children first, the same bytes to every node."""

from collections.abc import Awaitable, Mapping

from graph.engine.core.nodes import SEND_FEEDBACK, Node
from graph.engine.core.payload import Payload
from graph.engine.go import protojson
from graph.engine.http.client import NodeClient
from graph.engine.telemetry import events
from graph.engine.telemetry.events import EventLog
from graph.engine.walk.predict import RequestContext, child_at, each_child
from graph.engine.walk.route_reply import ALL_CHILDREN


def routing_of(body: bytes) -> Mapping[str, object]:
    """`response.meta.routing` of a Feedback; empty unless the whole body decodes strictly."""
    value: object
    try:
        value = protojson.feedback(body)
    except protojson.ProtoError:
        return {}
    for key in ("response", "meta", "routing"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


class FeedbackWalk:
    """Feedback through the graph: one message to every node that its routing names.

    Source: seldon-core 1.17.1, executor/predictor/predictor_process.go.
    """

    def __init__(self, client: NodeClient, event_log: EventLog) -> None:
        self._client = client
        self._events = event_log

    async def send(self, root: Node, message: Payload, context: RequestContext) -> Payload:
        """The root's answer to the feedback; the message itself when the root takes none.

        Raises: CallFailedError: the first child that failed; parents are not called then.
                ExecutorPanicError: the routing names a child that does not exist.
        """
        # A single node has nothing to route, and the message need not be read.
        routing = routing_of(message.body) if root.children else {}
        return await self._send(root, message, context, routing)

    async def _send(
        self, node: Node, message: Payload, context: RequestContext, routing: Mapping[str, object]
    ) -> Payload:
        if node.log is not None and node.log.responses and context.logs:
            self._events.log(node, events.FEEDBACK, message, context.puid)
        if node.children:
            await self._children(node, message, context, routing)
        if not node.takes_feedback:
            return message
        return await self._client.call(node, SEND_FEEDBACK, message, context.headers)

    async def _children(
        self, node: Node, message: Payload, context: RequestContext, routing: Mapping[str, object]
    ) -> None:
        def step(child: Node) -> Awaitable[Payload]:
            return self._send(child, message, context, routing)

        route = routing.get(node.name, ALL_CHILDREN)
        if isinstance(route, int) and route != ALL_CHILDREN:
            await step(child_at(node, route))
        else:
            await each_child(node.children, step)
