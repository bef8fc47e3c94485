"""Payload logging: CloudEvents over HTTP, sent from a bounded queue that never blocks a request.

Source: executor/logger of Seldon Core 1.17.1. Events are sent once; a failed event is dropped and logged.
"""

import asyncio
import logging
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from graph.engine.core.errors import CallFailedError
from graph.engine.core.nodes import Node
from graph.engine.core.payload import Payload
from graph.engine.go import errors as goerrors
from graph.engine.telemetry.metrics import EngineMetrics

REQUEST = "io.seldon.serving.inference.request"
RESPONSE = "io.seldon.serving.inference.response"
FEEDBACK = "io.seldon.serving.feedback"

_SEND_TIMEOUT_S = 60.0
_FIRST_FAILURE = 300
_REPORT_EVERY_S = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Event:
    url: str
    kind: str
    node: str
    puid: str
    payload: Payload
    time: str


@dataclass(frozen=True)
class EventSource:
    """The attributes that all events of an engine share; `hostname` is usually empty, as in a cluster."""

    hostname: str
    deployment: str
    namespace: str
    predictor: str


class EventLog:
    """Queues payloads and sends them as events.

    Args:
        source: attributes of every event.
        metrics: where sent and dropped events are counted.
        workers: events sent at the same time.
        queue_size: events waiting.
        write_timeout_s: how long an event waits for a place in the queue; 0 or less = not at all.
    """

    def __init__(
        self, source: EventSource, metrics: EngineMetrics, *, workers: int, queue_size: int, write_timeout_s: float
    ) -> None:
        self._source = source
        self._metrics = metrics
        self._source_url = ""
        self._worker_count = workers
        self._queue: asyncio.Queue[_Event] = asyncio.Queue(max(queue_size, 1))
        self._write_timeout_s = write_timeout_s
        self._workers: list[asyncio.Task[None]] = []
        self._waiting: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._dropped = 0
        self._reported_at = -_REPORT_EVERY_S

    def start(self) -> None:
        """Open the connections and begin to send."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_SEND_TIMEOUT_S), skip_auto_headers=("Content-Type",)
        )
        self._workers = [asyncio.create_task(self._work(self._session)) for _ in range(self._worker_count)]

    def listening(self, port: int) -> None:
        """Name the engine's own port in the source of all events."""
        self._source_url = f"http://{self._source.hostname}:{port}/"

    async def stop(self, flush_timeout_s: float) -> None:
        """Send the queued events, for at most so many seconds, and close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(flush_timeout_s):
                await asyncio.gather(*self._waiting, return_exceptions=True)
                await self._queue.join()
        for task in (*self._workers, *self._waiting):
            task.cancel()
        await asyncio.gather(*self._workers, *self._waiting, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def log(self, node: Node, kind: str, payload: Payload, puid: str) -> None:
        """Queue one payload of a node that is logged. Returns at once.

        Raises: CallFailedError: the node's logger url cannot be parsed, which fails the request in the executor too.
        """
        rule = node.log
        if rule is None:
            return
        if rule.url_error:
            raise CallFailedError(rule.url_error)
        if not rule.url:
            self._drop("no url: set the node's logger url or the default one")
            return
        event = _Event(rule.url, kind, node.name, puid, payload, datetime.now(UTC).isoformat().replace("+00:00", "Z"))
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._wait_for_place(event)

    def _wait_for_place(self, event: _Event) -> None:
        # The executor lets any number of events wait; here the size of the queue is the limit.
        if self._write_timeout_s <= 0 or len(self._waiting) >= self._queue.maxsize:
            self._drop("the queue is full")
            return
        task = asyncio.create_task(self._put_later(event))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _put_later(self, event: _Event) -> None:
        try:
            async with asyncio.timeout(self._write_timeout_s):
                await self._queue.put(event)
        except TimeoutError:
            self._drop("the queue is full")

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            event = await self._queue.get()
            try:
                await self._send(session, event)
            except Exception as error:  # noqa: BLE001 - a worker that died would send nothing any more
                self._drop(str(error) or type(error).__name__)
            finally:
                self._queue.task_done()

    async def _send(self, session: aiohttp.ClientSession, event: _Event) -> None:
        body = event.payload.body
        if event.payload.content_encoding == "gzip":
            body = goerrors.gunzipped(body)
        async with session.post(event.url, data=body, headers=self._headers(event)) as response:
            if response.status >= _FIRST_FAILURE:
                self._drop(f"the sink answered {response.status}")
            else:
                self._metrics.payload_event("sent")

    def _headers(self, event: _Event) -> dict[str, str]:
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(uuid.uuid4()),
            "ce-time": event.time,
            "ce-type": event.kind,
            "ce-source": self._source_url,
            "ce-requestid": event.puid,
            "ce-modelid": event.node,
            "ce-inferenceservicename": self._source.deployment,
            "ce-namespace": self._source.namespace,
            "ce-endpoint": self._source.predictor,
            "ce-protocol": "seldon",
        }
        if event.payload.content_type:
            headers["Content-Type"] = event.payload.content_type
        return headers

    def _drop(self, reason: str) -> None:
        """Count a lost event; log that at most once a second, because a dead sink loses one per request."""
        self._dropped += 1
        self._metrics.payload_event("dropped")
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = now
            logger.warning("engine.payload_log_dropped", extra={"facts": {"reason": reason, "dropped": self._dropped}})
