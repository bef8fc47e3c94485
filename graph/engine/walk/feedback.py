"""Feedback on its way through the graph: children first, the same bytes to every node."""

from collections.abc import Awaitable, Mapping

from graph.engine.core.nodes import SEND_FEEDBACK, Node
from graph.engine.core.payload import Payload
from graph.engine.go import protojson
from graph.engine.http.client import NodeClient
from graph.engine.telemetry import events
from graph.engine.telemetry.events import EventLog
from graph.engine.walk.predict import Context, chosen, each_child
from graph.engine.walk.route_reply import ALL_CHILDREN


def routing_of(body: bytes) -> Mapping[str, object]:
    """`response.meta.routing` of a Feedback; empty unless the whole body decodes strictly."""
    found: object
    try:
        found = protojson.feedback(body)
    except protojson.ProtoError:
        return {}
    for key in ("response", "meta", "routing"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


class FeedbackWalk:
    """One feedback message going to every node that its routing names.

    Source: seldon-core 1.17.1, executor/predictor/predictor_process.go.
    """

    def __init__(self, client: NodeClient, event_log: EventLog, message: Payload, context: Context) -> None:
        self._client = client
        self._events = event_log
        self._message = message
        self._context = context
        self._routing: Mapping[str, object] | None = None

    async def send(self, node: Node) -> Payload:
        """The node's answer to the feedback; the message itself when the node takes none.

        Raises: CallFailedError: the first child that failed; parents are not called then.
                ExecutorPanicError: the routing names a child that does not exist.
        """
        if node.log is not None and node.log.responses and self._context.logs:
            self._events.log(node, events.FEEDBACK, self._message, self._context.puid)
        if node.children:
            await self._children(node)
        if not node.takes_feedback:
            return self._message
        return await self._client.call(node, SEND_FEEDBACK, self._message, self._context.headers)

    async def _children(self, node: Node) -> None:
        if self._routing is None:
            self._routing = routing_of(self._message.body)
        route = self._routing.get(node.name, ALL_CHILDREN)
        if isinstance(route, int) and route != ALL_CHILDREN:
            await self.send(chosen(node, route))
            return

        def step(child: Node) -> Awaitable[Payload]:
            return self.send(child)

        await each_child(node.children, step)
