"""One supervised process of a graph on this machine: started, restarted when it dies, and ended."""

import asyncio
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import aiohttp

from graph.engine.config import LOOPBACK
from graph.errors import ComponentError
from graph.local import guardian

_PROBE_PERIOD_S = 0.1
# The guardian needs a moment after the grace period.
_GUARDIAN_MARGIN_S = 5.0
_ERROR_LINES = 3
_TAIL_LINES = 15
_TAIL_BYTES = 65536
_LINE_CHARS = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestartPolicy:
    """How long to wait before a process that died is started again; seconds."""

    first_s: float = 0.5
    """After the first death; doubles with each further one."""
    longest_s: float = 30.0
    """The longest wait, without its jitter."""
    settled_s: float = 60.0
    """A process that ran this long is healthy: its next death counts as the first."""
    jitter: float = 0.2
    """Share by which a wait is randomly longer or shorter, so that processes do not restart at the same time."""

    def wait_s(self, deaths: int, chance: float) -> float:
        """The wait after that many deaths in a row; `chance` in 0..1 places it within the jitter."""
        wait = min(self.longest_s, self.first_s * 2.0 ** min(deaths - 1, 32))
        return wait * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """What to run, and how to know that it is ready."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    probe_path: str
    """Path of the HTTP probe; empty = a TCP connect is enough."""
    probe_port: int
    probe_timeout_s: float = 1.0
    log_path: Path
    working_dir: Path | None = None
    stop_grace_s: float = 10.0
    restarts: RestartPolicy = field(default_factory=RestartPolicy)


class SupervisedProcess:
    """Runs a spec until it is stopped."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._is_ready = False
        self._log_start = 0

    def start(self) -> None:
        """Begin to start the process; `wait_ready` returns or raises the result."""
        self._life = asyncio.create_task(self._live(), name=f"component {self.spec.name}")

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns when the readiness probe succeeds.

        Raises: ComponentError: the process could not be started, ended, or is not ready in time; with an excerpt of its
                output.
        """
        deadline = time.monotonic() + timeout_s
        timeout = aiohttp.ClientTimeout(total=self.spec.probe_timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not await self._probe(session):
                if self._life is None or self._life.done():
                    raise self._early_end()
                if time.monotonic() >= deadline:
                    raise ComponentError(self._not_ready(f"no answer from {self._address()} within {timeout_s:g} s"))
                await asyncio.sleep(_PROBE_PERIOD_S)
        self._is_ready = True

    async def stop(self) -> None:
        """End the process and all of its children; returns when they have ended."""
        self._ending.set()
        if self._life is None:
            return
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._life}, timeout=self.spec.stop_grace_s + _GUARDIAN_MARGIN_S)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._life})

    async def _live(self) -> None:
        """Run the process and restart it. Never cancelled, so that no half-started process is lost.

        A process that ends before it was ready is not restarted: it would most likely end the same way again.
        """
        deaths = 0
        while True:
            started = time.monotonic()
            code = await self._run_once()
            if self._ending.is_set() or not self._is_ready:
                return
            deaths = 1 if time.monotonic() - started >= self.spec.restarts.settled_s else deaths + 1
            wait_s = self.spec.restarts.wait_s(deaths, random.random())  # noqa: S311 - jitter, not a secret
            facts = {"component": self.spec.name, "code": code, "deaths": deaths, "restart_in_s": round(wait_s, 3)}
            logger.error("graph.component_died", extra={"facts": facts | {"log": str(self.spec.log_path)}})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), wait_s)
                return

    async def _run_once(self) -> int | None:
        """The exit code of one process; None if it could not be started again."""
        try:
            self._process = await self._spawn()
        except OSError as error:
            if self._is_ready:
                return None
            todo = "check the log folder and the working folder"
            raise ComponentError(f"{self.spec.name}: wanted to start it, got {error}; {todo}") from error
        if self._ending.is_set():
            self._signal(signal.SIGTERM)
        return await self._process.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        spec = self.spec
        # The guardian ends the process group even if this process is killed; -I -S: it needs no environment.
        guard = [sys.executable, "-I", "-S", guardian.__file__, str(os.getpid()), str(spec.stop_grace_s)]
        with spec.log_path.open("ab") as log:
            self._log_start = log.tell()
            process = await asyncio.create_subprocess_exec(
                *guard,
                *spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(spec.env),
                cwd=spec.working_dir,
                # Ctrl-C in a terminal signals its process group; `stop` must end the processes in order instead.
                start_new_session=True,
            )
        facts = {"component": spec.name, "pid": process.pid, "log": str(spec.log_path)}
        logger.info("graph.component_started", extra={"facts": facts})
        return process

    async def _probe(self, session: aiohttp.ClientSession) -> bool:
        spec = self.spec
        try:
            if spec.probe_path:
                async with session.get(f"http://{LOOPBACK}:{spec.probe_port}{spec.probe_path}") as reply:
                    return HTTPStatus.OK <= reply.status < HTTPStatus.BAD_REQUEST
            async with asyncio.timeout(spec.probe_timeout_s):
                _, writer = await asyncio.open_connection(LOOPBACK, spec.probe_port)
            writer.close()
        except (OSError, TimeoutError, aiohttp.ClientError):
            return False
        return True

    def _address(self) -> str:
        path = self.spec.probe_path
        return f"http://{LOOPBACK}:{self.spec.probe_port}{path}" if path else f"port {self.spec.probe_port}"

    def _early_end(self) -> ComponentError:
        error = self._life.exception() if self._life else None
        if isinstance(error, ComponentError):
            return error
        code = self._process.returncode if self._process else None
        return ComponentError(self._not_ready(f"exit code {code}"))

    def _not_ready(self, got: str) -> str:
        lines = _log_excerpt(self.spec.log_path, self._log_start)
        output = "\n".join(["its output:", *(f"  {line}" for line in lines)]) if lines else "its output is empty"
        return f"{self.spec.name}: wanted it to become ready, got {got}; see {self.spec.log_path}; {output}"

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


def _log_excerpt(path: Path, start: int) -> list[str]:
    """The first error lines that the file got since it was `start` bytes long; its last lines if there are none."""
    try:
        with path.open("rb") as log:
            log.seek(max(start, path.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    shown = [line for line in lines if _is_error(line)][:_ERROR_LINES] or lines[-_TAIL_LINES:]
    return [line[:_LINE_CHARS] for line in shown]


def _is_error(line: str) -> bool:
    """Whether it is a JSON line of level ERROR or above: later lines show how a process ends, not why."""
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("level") in {"ERROR", "CRITICAL"}
