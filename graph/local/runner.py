"""Runs a SeldonDeployment on this machine, in the place of a cluster's operator, kubelet and executor.

Each graph container becomes a process, with the ports and the environment that the operator would give it; the engine
in this process answers as the executor would, or a real executor does. One predictor runs: an ingress would split the
traffic.
"""

import asyncio
import logging
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from graph.engine import EngineConfig, GraphEngine
from graph.engine.commandline import engine_config
from graph.engine.config import LOOPBACK
from graph.errors import ComponentError
from graph.local.executor_process import ExecutorProcess
from graph.local.plan import GraphPlan, LocalOptions, plan_graph
from graph.local.process import SupervisedProcess
from graph.operator.executor_container import executor_annotations, executor_arguments
from graph.seldon import METRICS_PATH
from graph.spec.deployment import SeldonDeployment

logger = logging.getLogger(__name__)


class LocalGraph:
    """A running graph; an async context manager, or `start` and `stop`.

    Raises: UsageError: no such predictor; something that only a cluster can run; variables that are missing here.
    """

    def __init__(self, deployment: SeldonDeployment, options: LocalOptions) -> None:
        self._options = options
        # Seldon's wrapper leaves a folder behind at each start; a cluster removes it with the pod, we with the graph.
        self._scratch = tempfile.TemporaryDirectory(prefix="storecast-graph-")
        self._plan = plan_graph(deployment, replace(options, env={**options.env, "TMPDIR": self._scratch.name}))
        self._processes = [SupervisedProcess(spec) for spec in (*options.extra_processes, *self._plan.components)]
        self._engine = _engine(self._plan, options)
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start all; returns when all components are ready and the engine listens. If that fails, all are ended.

        Raises: ComponentError: a component did not become ready, or a port is taken.
        """
        self._warn_of_what_is_left_out()
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._refuse_taken_ports()
        async with AsyncExitStack() as stack:
            stack.callback(self._scratch.cleanup)
            stack.push_async_callback(self._stop_processes)
            for process in self._processes:
                process.start()
            await self._wait_ready()
            await self._engine.start()
            stack.push_async_callback(self._engine.stop)
            self._running = stack.pop_all()
        logger.info("graph.started", extra={"facts": {"url": self.base_url, "logs": str(self.log_dir)}})

    async def stop(self) -> None:
        """End the engine, then all components; returns when no process is left."""
        await self._running.aclose()

    @property
    def base_url(self) -> str:
        """The URL of the graph: predictions are at `/api/v1.0/predictions` below it.

        Raises: UsageError: the graph has not been started.
        """
        return f"http://{self._options.host}:{self._engine.port}"

    @property
    def metrics_urls(self) -> dict[str, str]:
        """URLs of the metrics by component; the engine's under `engine`."""
        own = {name: f"http://{LOOPBACK}:{ports.metrics}{METRICS_PATH}" for name, ports in self._plan.ports.items()}
        extra = {
            each.name: f"http://{LOOPBACK}:{each.probe_port}{METRICS_PATH}" for each in self._options.extra_processes
        }
        return {"engine": f"{self.base_url}{METRICS_PATH}", **own, **extra}

    @property
    def component_urls(self) -> dict[str, str]:
        """URL of each component, without the engine."""
        return {name: f"http://{LOOPBACK}:{ports.http}" for name, ports in self._plan.ports.items()}

    @property
    def predictor(self) -> str:
        """The name of the predictor that runs."""
        return self._plan.predictor.name

    @property
    def log_dir(self) -> Path:
        """The folder with one log file a component."""
        return self._options.log_dir

    async def _wait_ready(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for process in self._processes:
                    group.create_task(process.wait_ready(self._options.start_timeout_s))
        except ExceptionGroup as failures:
            not_ready = failures.subgroup(ComponentError)
            if not_ready is None:
                raise
            raise ComponentError("\n".join(str(error) for error in not_ready.exceptions)) from failures

    async def _stop_processes(self) -> None:
        await asyncio.gather(*(process.stop() for process in self._processes))

    def _refuse_taken_ports(self) -> None:
        wanted = {name: (ports.http, ports.metrics) for name, ports in self._plan.ports.items()}
        grpc = (self._engine.grpc_port,) if isinstance(self._engine, ExecutorProcess) else ()
        extra = {each.name: (each.probe_port,) for each in self._options.extra_processes}
        for name, numbers in {"engine": (self._options.port, *grpc), **wanted, **extra}.items():
            for port in numbers:
                if port and _answers(port):
                    todo = "stop the process that uses it, or choose free ports with --port 0"
                    raise ComponentError(f"{name}: wanted port {port}, which is in use; {todo}")

    def _warn_of_what_is_left_out(self) -> None:
        others = [each.name for each in self._plan.deployment.spec.predictors if each.name != self.predictor]
        if others:
            logger.warning("graph.predictors_not_run", extra={"facts": {"runs": self.predictor, "not_run": others}})
        if self._plan.not_run:
            facts = {
                "not_run": self._plan.not_run,
                "told": "only a cluster starts these containers: no node of the graph runs in them",
            }
            logger.warning("graph.containers_not_run", extra={"facts": facts})


def serve(
    deployment: SeldonDeployment, options: LocalOptions, on_start: Callable[[LocalGraph], object] | None = None
) -> int:
    """Runs the graph until Ctrl-C or SIGTERM, and ends it cleanly. Blocks.

    Args:    deployment: validated. on_start: called once the graph answers, for example to print its addresses.
    Returns: 0, the exit code of a clean end.
    Raises:  GraphError: with the exit code of its class.
    """
    return asyncio.run(_serve(deployment, options, on_start))


async def _serve(
    deployment: SeldonDeployment, options: LocalOptions, on_start: Callable[[LocalGraph], object] | None
) -> int:
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    is_stopping = False

    def end() -> None:
        nonlocal is_stopping
        # A second signal must not cut the clean end short.
        if not is_stopping and running is not None:
            running.cancel()
        is_stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        async with LocalGraph(deployment, options) as graph:
            if on_start is not None:
                on_start(graph)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not is_stopping:
            raise
    return 0


def _engine(plan: GraphPlan, options: LocalOptions) -> GraphEngine | ExecutorProcess:
    if options.executor is not None:
        return ExecutorProcess(options.executor, plan, options)
    return GraphEngine(_engine_config(plan, options))


def _engine_config(plan: GraphPlan, options: LocalOptions) -> EngineConfig:
    """The executor's configuration, but with this machine's address and time to drain."""
    config = engine_config(
        executor_arguments(plan.deployment, plan.predictor, options.port),
        plan.executor_env,
        executor_annotations(plan.deployment, plan.predictor),
    )
    return replace(config, host=options.host, openapi=True, graceful_timeout_s=options.stop_grace_s)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0
