"""A real executor's binary in the place of the engine: started as the operator starts it, supervised, and ended.

It listens on every address of the machine, because it has no flag for the address. It reads the annotations of its pod
from /etc/podinfo/annotations, a file that this machine may not have.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from graph.errors import UsageError
from graph.local.free_ports import free_ports
from graph.local.plan import GraphPlan, LocalOptions
from graph.local.process import ProcessSpec, SupervisedProcess
from graph.operator.executor_container import executor_annotations, executor_arguments
from graph.seldon import ENGINE_CONTAINER, ENGINE_GRPC_PORT, POD_NUMBERS

_ANNOTATIONS_FILE = Path("/etc/podinfo/annotations")
_PROBE_TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)


class ExecutorProcess:
    """An executor for a planned graph, with the interface of the engine: `port`, `start`, `stop`.

    Args:    binary: the executor's file.
    Raises:  UsageError: there is no such file, or it is not executable.
    """

    def __init__(self, binary: Path, graph: GraphPlan, options: LocalOptions) -> None:
        file = _executable(binary)
        free = iter(free_ports(2))
        self.port = options.port or next(free)
        self.grpc_port = next(free) if options.free_ports else ENGINE_GRPC_PORT
        self._timeout_s = options.start_timeout_s
        _warn_of_annotations(executor_annotations(graph.deployment, graph.predictor))
        arguments = executor_arguments(graph.deployment, graph.predictor, self.port, self.grpc_port)
        self._process = SupervisedProcess(
            ProcessSpec(
                name=ENGINE_CONTAINER,
                command=[str(file), *arguments],
                env=graph.executor_env,
                probe_path="/ready",
                probe_port=self.port,
                probe_timeout_s=_PROBE_TIMEOUT_S,
                log_path=options.log_dir / f"{ENGINE_CONTAINER}.log",
                # The image's working folder is the binary's, where it looks for the API's description.
                working_dir=file.parent,
                stop_grace_s=options.stop_grace_s,
                restarts=options.restarts,
            )
        )

    async def start(self) -> None:
        """Start it; returns when its readiness probe says that it and all nodes are ready.

        Raises: ComponentError: it ended, or the time is over; with an excerpt of its log. Nothing is left running.
        """
        self._process.start()
        try:
            await self._process.wait_ready(self._timeout_s)
        except BaseException:
            await self._process.stop()
            raise

    async def stop(self) -> None:
        """End it; returns when all of its processes have ended."""
        await self._process.stop()


def _warn_of_annotations(annotations: Mapping[str, str]) -> None:
    unseen = sorted(name for name in POD_NUMBERS if name in annotations)
    if unseen and not _ANNOTATIONS_FILE.exists():
        facts = {"annotations": unseen, "looked_for_in": str(_ANNOTATIONS_FILE)}
        logger.warning("graph.annotations_not_seen_by_executor", extra={"facts": facts})


def _executable(binary: Path) -> Path:
    if not binary.is_file():
        raise UsageError(
            f"wanted the file of a Seldon executor, got no file at {binary}; build the executor of Seldon Core 1.17.1"
        )
    if not os.access(binary, os.X_OK):
        raise UsageError(f"wanted an executable file, got {binary}; run chmod +x {binary}")
    return binary.absolute()
