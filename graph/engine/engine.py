"""The engine: an inference graph served over HTTP in this process, as Seldon Core's executor 1.17.1 serves it."""

import asyncio
import logging
from contextlib import AsyncExitStack

from aiohttp import web

from graph.engine.annotations import call_timeout_s
from graph.engine.client import NodeClient, open_session
from graph.engine.config import EngineConfig
from graph.engine.events import EventLog, EventSource
from graph.engine.metrics import Metrics
from graph.engine.nodes import compile_graph
from graph.engine.server import Server
from graph.engine.tracing import Tracer
from graph.errors import ComponentError, UsageError

_IDLE_TIMEOUT_S = 65.0
_LONGEST_LINE = 1 << 20
_MOST_HEADERS = 10_000
_LOG_FLUSH_TIMEOUT_S = 2.0

logger = logging.getLogger(__name__)


class Engine:
    """Serves one predictor's graph until it is stopped.

    Raises: UsageError: an annotation that the real executor does not start with either.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._call_timeout_s = call_timeout_s(config.annotations)
        self._root = compile_graph(config.predictor, config.default_log_url)
        self._open = AsyncExitStack()
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The port that is listened on.

        Raises: UsageError: the engine has not been started.
        """
        if self._port is None:
            raise UsageError("wanted the port of a running engine, got one that is not started: call start() first")
        return self._port

    async def start(self) -> None:
        """Listen. Nodes need not be up yet: `/ready` says when they are.

        Raises: ComponentError: the port is taken, or the address is not one of this machine.
        """
        config = self._config
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(open_session())
            version = config.predictor.annotations.get("version", "")
            metrics = Metrics(config.deployment, config.predictor.name, version)
            tracer = Tracer(config.tracing)
            client = NodeClient(session, metrics, self._call_timeout_s, tracer)
            # The port is known only when the socket is bound, and every event names it.
            event_log = self._event_log(metrics)
            event_log.start()
            stack.push_async_callback(event_log.stop, min(_LOG_FLUSH_TIMEOUT_S, config.graceful_timeout_s))
            server = Server(config, self._root, client=client, event_log=event_log, metrics=metrics, tracer=tracer)
            self._port = await self._listen(stack, server)
            event_log.listening(self._port)
            self._open = stack.pop_all()
        logger.info("engine.started", extra={"facts": {"host": config.host, "port": self._port}})

    async def stop(self) -> None:
        """Take no new connections, finish the requests in flight, send waiting payload events, close everything.

        Requests that take longer than `graceful_timeout_s` lose their connection.
        """
        await asyncio.sleep(self._config.shutdown_delay_s)
        await self._open.aclose()
        logger.info("engine.stopped", extra={"facts": {"port": self._port}})

    def _event_log(self, metrics: Metrics) -> EventLog:
        config = self._config
        source = EventSource(config.hostname, config.deployment, config.namespace, config.predictor.name)
        return EventLog(
            source,
            metrics,
            workers=config.log_workers,
            queue_size=config.log_queue_size,
            write_timeout_s=config.log_write_timeout_ms / 1000,
        )

    async def _listen(self, stack: AsyncExitStack, server: Server) -> int:
        config = self._config
        runner = web.AppRunner(
            server.application(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=_IDLE_TIMEOUT_S,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
            shutdown_timeout=config.graceful_timeout_s,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, config.host, config.port, backlog=1024).start()
        except OSError as error:
            raise ComponentError(
                f"engine: wanted to listen on {config.host}:{config.port}, got {error.strerror}: "
                "stop what listens there, or choose another port"
            ) from error
        port: int = runner.addresses[0][1]
        return port
