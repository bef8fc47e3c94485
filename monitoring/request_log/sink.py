"""The HTTP server that the executor sends its events to."""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.errors import BadEventError, SinkError
from monitoring.request_log.events import Event, EventHeader, EventKind, read_header
from monitoring.request_log.intake import Intake
from monitoring.request_log.metrics import Dropped, SinkMetrics
from monitoring.request_log.settings import RequestLogSettings
from monitoring.request_log.writer import Writer

_BODY_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_SWITCH_S = 0.001

logger = logging.getLogger(__name__)


class Sink:
    """Accepts events by POST on any path; answers `/metrics`, `/prometheus` and `/health` by GET.

    An event is answered before its body is parsed: 202 = it is in memory and will be written while the process
    lives; 503 = the queue is full; 400 = not an event of the executor; 413 = too large. The executor sends each event
    once, whatever the answer.
    """

    def __init__(self, database: RequestLogDatabase, settings: RequestLogSettings) -> None:
        self._database = database
        self._settings = settings
        self.metrics = SinkMetrics()
        self._intake = Intake(settings, self.metrics)
        self._writer = Writer(self._intake, database, self.metrics, settings)
        self._ending = False
        self._runner = web.AppRunner(
            self._app(),
            access_log=None,
            shutdown_timeout=_CLOSE_TIMEOUT_S,
            # A small body may decompress to a thousand times its reserved size.
            auto_decompress=False,
        )
        watch, intake = self.metrics.watch, self._intake
        watch("queue_events", "Accepted events that are not written yet.", lambda: intake.events)
        watch("queue_bytes", "Bytes of the bodies of these events.", lambda: intake.bytes)
        watch("pairs_waiting", "Events that wait for the other event of their request.", lambda: intake.waiting)
        watch("lag_seconds", "Age of the oldest answer that is not written yet.", lambda: intake.lag_s)

    async def start(self, host: str, port: int) -> int:
        """Listen and write; returns the port.

        Raises: SinkError: the port is taken.  RequestLogUsageError: the tables are of another version.
        """
        await self._writer.prepare()
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            todo = "stop the process that uses the port, or choose another one with --port"
            raise SinkError(f"wanted to listen on {host} port {port}, got {error.strerror}; {todo}") from error
        self.writing = asyncio.create_task(self._writer.run())
        bound = int(self._runner.addresses[0][1])
        logger.info("request_log.started", extra={"facts": {"port": bound, "where": self._database.where}})
        return bound

    async def stop(self) -> int:
        """Refuse new events and write what was accepted, for at most `flush_s`; returns how many answers were lost."""
        self._ending = True
        await self._runner.cleanup()
        self._writer.end()
        finished, unfinished = await asyncio.wait({self.writing}, timeout=self._settings.flush_s)
        for task in unfinished:
            task.cancel()
        lost = self._intake.unwritten
        if lost:
            self.metrics.dropped(Dropped.LOST_AT_END, lost)
            logger.error("request_log.lost_at_end", extra={"facts": {"answers": lost, "where": self._database.where}})
        else:
            self._database.close()
            logger.info("request_log.ended")
        for task in finished:
            task.result()
        return lost

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=self._settings.event_bytes)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._page)
        app.router.add_get("/prometheus", self._page)
        app.router.add_post("/{path:.*}", self._receive)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            header = read_header(request.headers)
        except BadEventError as error:
            return self._refuse(Dropped.BAD_HEADERS, HTTPStatus.BAD_REQUEST, str(error))
        if header.kind is EventKind.FEEDBACK:
            # The components count feedback; it holds no forecast.
            self.metrics.received(header.kind)
            self.metrics.dropped(Dropped.FEEDBACK)
            return web.Response(status=HTTPStatus.ACCEPTED)
        most = self._settings.event_bytes
        size = most if request.content_length is None else request.content_length
        if size > most:
            message = f"wanted at most {most} bytes (setting STORECAST_REQUEST_LOG_EVENT_BYTES), got {size}"
            return self._refuse(Dropped.TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        if self._ending or not self._intake.reserve(size):
            return self._refuse(
                Dropped.QUEUE_FULL,
                HTTPStatus.SERVICE_UNAVAILABLE,
                "wanted room in the queue, got a full queue; send the event again later",
            )
        return await self._take(request, header, size)

    async def _take(self, request: web.Request, header: EventHeader, reserved: int) -> web.Response:
        """Read the body into the room that was reserved for it."""
        body: bytes | None = None
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(Dropped.TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "wanted a smaller body")
        except (TimeoutError, OSError, web.RequestPayloadError):
            return self._refuse(Dropped.TORN_BODY, HTTPStatus.BAD_REQUEST, "wanted a complete body, got a part of it")
        finally:
            if body is None:
                self._intake.release(reserved)
        self.metrics.received(header.kind)
        self._intake.accept(Event(header, body, time.monotonic()), reserved)
        if self._intake.is_ready:
            self._writer.wake()
        return web.Response(status=HTTPStatus.ACCEPTED)

    def _refuse(self, reason: Dropped, status: HTTPStatus, message: str) -> web.Response:
        self.metrics.dropped(reason)
        return web.Response(status=status, text=f"{message}\n")

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(body=self.metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _health(self, _request: web.Request) -> web.Response:
        """Healthy while it accepts events, even without a database: a restart would lose the events in memory."""
        state = {
            "status": "ending" if self._ending else "ok",
            "database": "away" if self._writer.is_away else "ok",
            "queued": self._intake.events,
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE if self._ending else HTTPStatus.OK
        return web.Response(status=status, text=json.dumps(state), content_type="application/json")


def serve(
    database: RequestLogDatabase,
    settings: RequestLogSettings,
    host: str,
    port: int,
    on_start: Callable[[int], object],
) -> None:
    """Runs the sink until Ctrl-C or SIGTERM, and writes what it has accepted. Blocks.

    Args:   on_start: called with the port once it listens.
    Raises: SinkError: it cannot listen, or could not write all in time.  RequestLogUsageError: see `Sink.start`.
    """
    # The writer parses answers in a thread; the event loop must still answer within milliseconds.
    sys.setswitchinterval(_SWITCH_S)
    lost = asyncio.run(_serve(Sink(database, settings), host, port, on_start))
    if lost:
        raise SinkError(
            f"wanted to write every accepted answer, lost {lost} answers; check the database {database.where}"
        )


async def _serve(sink: Sink, host: str, port: int, on_start: Callable[[int], object]) -> int:
    stop_requested = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop_requested.set)
    on_start(await sink.start(host, port))
    stopping = asyncio.create_task(stop_requested.wait())
    try:
        # A writer that ends before the signal has a bug: the process ends with its error, and is restarted.
        await asyncio.wait({stopping, sink.writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        lost = await sink.stop()
    return lost
