"""The engine: an inference graph served over HTTP in this process, as Seldon Core's executor 1.17.1 serves it."""

import asyncio
import logging
from contextlib import AsyncExitStack

from graph.engine.annotations import call_timeout_s
from graph.engine.config import EngineConfig
from graph.engine.core.nodes import compile_graph
from graph.engine.http import header_bytes
from graph.engine.http.client import NodeClient, open_session
from graph.engine.http.listener import Listener
from graph.engine.server import EngineServer
from graph.engine.telemetry.events import EventLog, EventSource
from graph.engine.telemetry.metrics import EngineMetrics
from graph.engine.telemetry.tracing import Tracer
from graph.errors import UsageError

_LOG_FLUSH_TIMEOUT_S = 2.0

logger = logging.getLogger(__name__)


class GraphEngine:
    """Serves one predictor's graph until it is stopped.

    Raises: UsageError: an annotation that the real executor does not start with either.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._call_timeout_s = call_timeout_s(config.annotations)
        self._root = compile_graph(config.predictor, config.default_log_url)
        self._open = AsyncExitStack()
        self._port: int | None = None
        self._cut_off = 0

    @property
    def port(self) -> int:
        """The port that the engine listens on.

        Raises: UsageError: the engine has not been started.
        """
        if self._port is None:
            raise UsageError(
                "wanted the port of a running engine, got an engine that is not started; call start() first"
            )
        return self._port

    async def start(self) -> None:
        """Listen. Nodes need not be up yet: `/ready` says when they are.

        Raises: ComponentError: the port is taken, or the address is not one of this machine.
        """
        config = self._config
        header_bytes.install()
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(open_session())
            version = config.predictor.annotations.get("version", "")
            metrics = EngineMetrics(config.deployment, config.predictor.name, version)
            tracer = Tracer(config.tracing)
            client = NodeClient(session, metrics, self._call_timeout_s, tracer)
            # Every event names the port, which is known only when the socket is bound.
            event_log = self._event_log(metrics)
            event_log.start()
            stack.push_async_callback(event_log.stop, min(_LOG_FLUSH_TIMEOUT_S, config.graceful_timeout_s))
            server = EngineServer(
                config, self._root, client=client, event_log=event_log, metrics=metrics, tracer=tracer
            )
            listener = await Listener.open(config.host, config.port, server.handle)
            stack.push_async_callback(self._drain, listener)
            self._port = listener.port
            event_log.listening(self._port)
            self._open = stack.pop_all()
        logger.info("engine.started", extra={"facts": {"host": config.host, "port": self._port}})

    async def stop(self) -> bool:
        """Take no new connections, finish the requests in flight, send waiting payload events, close everything.

        Requests that take longer than `graceful_timeout_s` lose their connection.

        Returns: False if there were such requests.
        """
        await asyncio.sleep(self._config.shutdown_delay_s)
        self._cut_off = 0
        await self._open.aclose()
        facts = {"port": self._port, "cut_off": self._cut_off}
        logger.log(logging.WARNING if self._cut_off else logging.INFO, "engine.stopped", extra={"facts": facts})
        return not self._cut_off

    async def _drain(self, listener: Listener) -> None:
        self._cut_off = await listener.close(self._config.graceful_timeout_s)

    def _event_log(self, metrics: EngineMetrics) -> EventLog:
        config = self._config
        source = EventSource(config.hostname, config.deployment, config.namespace, config.predictor.name)
        return EventLog(
            source,
            metrics,
            workers=config.log_workers,
            queue_size=config.log_queue_size,
            write_timeout_s=config.log_write_timeout_ms / 1000,
        )
