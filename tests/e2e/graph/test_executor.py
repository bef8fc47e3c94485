"""A real executor in the place of our engine: how it is started, how it ends, and that both give the same answers."""

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.graph.local_graphs import tiny_document, tiny_options
from support.graph.stand_in_executor import executable
from support.processes import request

from graph.errors import ComponentError, UsageError
from graph.local.runner import LocalGraph
from graph.spec.deployment import SeldonDeployment

ROOT = Path(__file__).parents[3]
WAIT_S = 120.0


def deployment(**spec: Any) -> SeldonDeployment:  # noqa: ANN401 - any part of a spec
    document = tiny_document()
    document["spec"] |= spec
    document["spec"]["predictors"][0] |= {"traffic": 100, "svcOrchSpec": {"env": [{"name": "OWN", "value": "1"}]}}
    return SeldonDeployment.from_wire(document)


def port_of(graph: LocalGraph) -> int:
    return int(graph.base_url.rpartition(":")[2])


async def told(graph: LocalGraph) -> dict[str, Any]:
    seen: dict[str, Any] = (await asyncio.to_thread(request, port_of(graph), "GET", "/told")).json()
    return seen


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_executor_gets_the_operators_flags_and_environment(tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, Any], int]:
        options = tiny_options(
            tmp_path / "logs", executor=executable(tmp_path, "tells"), default_log_url="http://127.0.0.1:9/"
        )
        annotations = {"seldon.io/engine-seldon-log-level": "DEBUG"}
        async with LocalGraph(deployment(annotations=annotations), options) as graph:
            return await told(graph), port_of(graph)

    seen, port = asyncio.run(run())
    flags = (
        "--sdep tiny --namespace default --predictor main --http_port {} --grpc_port {} --protocol seldon "
        "--transport rest --prometheus_path /prometheus --server_type rpc --log_work_buffer_size 10000 "
        "--log_write_timeout_ms 2000 --full_health_checks=false"
    )
    assert seen["flags"] == flags.format(port, seen["flags"][9]).split()
    env = seen["env"]
    assert (env["REQUEST_LOGGER_DEFAULT_ENDPOINT"], env["OWN"]) == ("http://127.0.0.1:9/", "1")
    assert env["SELDON_LOG_LEVEL"] == "DEBUG"
    predictor = json.loads(base64.b64decode(env["ENGINE_PREDICTOR"]))
    assert "traffic" not in predictor
    assert predictor["graph"]["endpoint"]["service_host"] == "127.0.0.1"
    assert seen["folder"] == str(tmp_path)
    assert "stand-in" in (tmp_path / "logs" / "seldon-container-engine.log").read_text()


def test_the_executor_ends_with_the_graph_and_is_started_again_when_it_dies(tmp_path: Path) -> None:
    async def run() -> list[int]:
        options = tiny_options(tmp_path, executor=executable(tmp_path, "tells"))
        async with LocalGraph(deployment(), options) as graph:
            first = (await told(graph))["pid"]
            os.kill(first, signal.SIGKILL)
            second = first
            async with asyncio.timeout(WAIT_S):
                while second == first:
                    try:
                        second = (await told(graph))["pid"]
                    except OSError:
                        await asyncio.sleep(0.02)
            return [first, second]

    pids = asyncio.run(run())
    asyncio.run(until(lambda: all(is_gone(pid) for pid in pids)))
    assert len(set(pids)) == 2


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (
            "dies",
            r"wanted it to become ready, got exit code 2; .*; its output:\n(.*\n)*  the graph cannot be read",
        ),
        ("never-ready", r"got no answer from http://127.0.0.1:\d+/ready within LIMIT s"),
    ],
)
def test_an_executor_that_does_not_come_up_is_told_with_what_it_says(tmp_path: Path, mode: str, message: str) -> None:
    # Before an executor that never becomes ready the components must be: on a busy machine they take their time.
    for timeout_s in (1.0, 8.0, 64.0) if mode == "never-ready" else (WAIT_S,):
        options = tiny_options(tmp_path, executor=executable(tmp_path, mode), start_timeout_s=timeout_s)
        with pytest.raises(ComponentError) as told:
            asyncio.run(LocalGraph(deployment(), options).start())
        if str(told.value).startswith("seldon-container-engine"):
            break
    assert re.search(f"seldon-container-engine: .*{message.replace('LIMIT', f'{timeout_s:g}')}", str(told.value))


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "executor"
    with pytest.raises(UsageError, match=f"wanted the file of a Seldon executor, got no file at {missing}"):
        LocalGraph(deployment(), tiny_options(tmp_path, executor=missing))
    missing.write_text("no program")
    with pytest.raises(UsageError, match=f"chmod \\+x {missing}"):
        LocalGraph(deployment(), tiny_options(tmp_path, executor=missing))
    missing.chmod(0o755)
    with pytest.raises(ComponentError, match=r"seldon-container-engine: .*\n.*Exec format error"):
        asyncio.run(LocalGraph(deployment(), tiny_options(tmp_path, executor=missing)).start())


def test_the_command_line_says_that_the_executor_is_missing(tmp_path: Path) -> None:
    words = ["serve", "--port", "0", "--home", str(tmp_path), "--executor", str(tmp_path / "executor")]
    done = subprocess.run(
        [sys.executable, "-m", "storecast", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 2
    assert done.stderr.startswith("storecast serve: wanted the file of a Seldon executor, got no file at ")
