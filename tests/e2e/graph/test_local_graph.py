"""The local runner with real processes: it starts them, restarts them, and leaves none behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from support.graph.local_graphs import tiny_deployment, tiny_document, tiny_options
from support.processes import Reply, request

from graph.errors import ComponentError, UsageError
from graph.local.runner import LocalGraph
from graph.spec.deployment import SeldonDeployment

ROOT = Path(__file__).parents[3]
WAIT_S = 120.0


def ask(url: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as reply:  # noqa: S310 - loopback
            return json.loads(reply.read())
    except HTTPException as error:  # who answered went away meanwhile
        raise ConnectionError(f"the answer of {url} broke off: {error!r}") from error


async def whoami(graph: LocalGraph, name: str) -> dict[str, Any]:
    seen: dict[str, Any] = await asyncio.to_thread(ask, f"{graph.component_urls[name]}/whoami")
    return seen


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await what():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A dead process whose parent has not asked for its exit code yet still has a number.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_graph_answers_through_the_engine(tmp_path: Path) -> None:
    async def run() -> Any:  # noqa: ANN401 - any JSON
        async with LocalGraph(tiny_deployment(), tiny_options(tmp_path)) as graph:
            return await asyncio.to_thread(ask, f"{graph.base_url}/api/v1.0/predictions", {"jsonData": {}})

    assert asyncio.run(run()) == {"jsonData": ["forecaster", "fallback"]}
    assert "tiny component, ready" in (tmp_path / "router.log").read_text()


def test_the_engine_takes_what_the_file_gives_to_the_executor(tmp_path: Path) -> None:
    document = tiny_document(forecaster="slow")
    document["spec"]["annotations"] = {"seldon.io/rest-timeout": "200"}

    async def run() -> tuple[Reply, Reply]:
        async with LocalGraph(SeldonDeployment.from_wire(document), tiny_options(tmp_path)) as graph:
            port = int(graph.base_url.rpartition(":")[2])
            described = await asyncio.to_thread(request, port, "GET", "/api/v1.0/doc/seldon.json")
            late = await asyncio.to_thread(request, port, "POST", "/api/v1.0/predictions", b'{"jsonData": {}}')
            return described, late

    described, late = asyncio.run(run())
    assert "/seldon/default/tiny/api/v1.0/predictions" in described.json()["paths"]
    assert late.status == 500
    assert "context deadline exceeded" in late.json()["status"]["info"]


def test_a_component_gets_the_operators_env_and_only_what_it_needs_of_this_machine(tmp_path: Path) -> None:
    async def run() -> dict[str, Any]:
        environ = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1", "UNRELATED": "x"}
        options = tiny_options(tmp_path, environ=environ, env={"STORECAST_LOG_LEVEL": "DEBUG"})
        async with LocalGraph(tiny_deployment(), options) as graph:
            env: dict[str, Any] = (await whoami(graph, "fallback"))["env"]
            assert graph.metrics_urls["fallback"].endswith(f":{env['PREDICTIVE_UNIT_METRICS_SERVICE_PORT']}/prometheus")
            return env

    env = asyncio.run(run())
    assert (env["PREDICTIVE_UNIT_ID"], env["SELDON_DEPLOYMENT_ID"], env["PYTHONUTF8"]) == ("fallback", "tiny", "1")
    assert env["STORECAST_LOG_LEVEL"] == "DEBUG"
    assert "UNRELATED" not in env


def test_what_components_leave_in_their_temporary_folder_goes_with_the_graph(tmp_path: Path) -> None:
    async def run() -> Path:
        async with LocalGraph(tiny_deployment(), tiny_options(tmp_path)) as graph:
            folders = {(await whoami(graph, name))["env"]["TMPDIR"] for name in ("router", "fallback")}
            left = Path(folders.pop()) / "left-over"
            left.write_text("x")
            assert not folders
            return left

    assert not asyncio.run(run()).parent.exists()


def test_what_only_a_cluster_starts_is_said_when_the_rest_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document = tiny_document()
    pod = document["spec"]["predictors"][0]["componentSpecs"][0]["spec"]
    pod["containers"].append({"name": "sidecar", "image": "sidecar:1"})
    pod["initContainers"] = [{"name": "fetch", "image": "fetch:1"}]

    async def run() -> None:
        async with LocalGraph(SeldonDeployment.from_wire(document), tiny_options(tmp_path)):
            pass

    asyncio.run(run())
    (said,) = [record for record in caplog.records if record.message == "graph.containers_not_run"]
    assert said.levelname == "WARNING"
    assert vars(said)["facts"]["not_run"] == ["sidecar", "fetch"]


def test_a_killed_component_is_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with LocalGraph(tiny_deployment(), tiny_options(tmp_path)) as graph:
            before = (await whoami(graph, "forecaster"))["pid"]
            os.kill(before, signal.SIGKILL)

            async def is_back() -> bool:
                try:
                    return bool((await whoami(graph, "forecaster"))["pid"] != before)
                except OSError:
                    return False

            await until(is_back)

    asyncio.run(run())
    died = [record for record in caplog.records if record.message == "graph.component_died"]
    assert [vars(record)["facts"]["component"] for record in died] == ["forecaster"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_a_component_whose_guardian_is_killed_ends_and_is_started_again(tmp_path: Path) -> None:
    async def run() -> tuple[int, int]:
        async with LocalGraph(tiny_deployment(), tiny_options(tmp_path)) as graph:
            before = (await whoami(graph, "forecaster"))["pid"]
            os.kill(parent_of(before), signal.SIGKILL)

            async def is_another() -> bool:
                try:
                    return bool((await whoami(graph, "forecaster"))["pid"] != before)
                except OSError:
                    return False

            await until(is_another)
            return before, (await whoami(graph, "forecaster"))["pid"]

    assert [pid for pid in asyncio.run(run()) if lives(pid)] == []


def test_stopping_leaves_no_process_even_of_one_that_ignores_it(tmp_path: Path) -> None:
    async def run() -> list[int]:
        async with LocalGraph(tiny_deployment(forecaster="stubborn"), tiny_options(tmp_path)) as graph:
            seen = [await whoami(graph, name) for name in graph.component_urls]
            return [*(each["pid"] for each in seen), *(each["child"] for each in seen if each["child"])]

    pids = asyncio.run(run())
    assert len(pids) == 4
    assert [pid for pid in pids if lives(pid)] == []


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("dies", r"forecaster: wanted it to become ready, got exit code 3; .*\n(.*\n)*  no fleet anywhere"),
        ("fails", r'forecaster: .* exit code 3; .*; its output:\n  \{"level": "ERROR", "event": "no fleet"\}$'),
        ("never-ready", r"forecaster: .* got no answer from http://127.0.0.1:\d+/health/status within LIMIT s"),
    ],
)
def test_a_component_that_never_becomes_ready_is_told_with_what_it_says(
    tmp_path: Path, mode: str, message: str
) -> None:
    # One that never becomes ready must at least have begun before its time is over.
    for timeout_s in (1.0, 8.0, 64.0) if mode == "never-ready" else (WAIT_S,):
        graph = LocalGraph(tiny_deployment(forecaster=mode), tiny_options(tmp_path, start_timeout_s=timeout_s))
        with pytest.raises(ComponentError, match=message.replace("LIMIT", f"{timeout_s:g}")):
            asyncio.run(graph.start())
        if "tiny component" in (tmp_path / "forecaster.log").read_text():
            break
    assert "tiny component" in (tmp_path / "forecaster.log").read_text()


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    async def run() -> None:
        async with LocalGraph(tiny_deployment(), tiny_options(tmp_path)) as graph:
            port = int(graph.base_url.rpartition(":")[2])
            with pytest.raises(ComponentError, match=f"engine: wanted port {port}, which is in use"):
                await LocalGraph(tiny_deployment(), tiny_options(tmp_path / "second", port=port)).start()

    asyncio.run(run())
    assert not (tmp_path / "second" / "router.log").exists()


def serve_in_a_process(log_dir: Path) -> subprocess.Popen[str]:
    code = (
        "import json, sys; from pathlib import Path; from graph import serve\n"
        "from support.graph.local_graphs import tiny_deployment, tiny_options\n"
        "tell = lambda graph: print(json.dumps(graph.component_urls), flush=True)\n"
        "sys.exit(serve(tiny_deployment(forecaster='stubborn'), tiny_options(Path(sys.argv[1])), tell))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(log_dir)], stdout=subprocess.PIPE, text=True, env=env, cwd=log_dir
    )


def pids_of(server: subprocess.Popen[str]) -> list[int]:
    if server.stdout is None:
        return []
    seen = [ask(f"{url}/whoami") for url in json.loads(server.stdout.readline()).values()]
    return [pid for each in seen for pid in (each["pid"], each["child"]) if pid]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_server_that_is_signalled_takes_its_components_with_it(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    server = serve_in_a_process(tmp_path)
    try:
        pids = pids_of(server)
        server.send_signal(number)
        assert server.wait(WAIT_S) == code
    finally:
        server.kill()
        server.communicate()

    async def are_gone() -> bool:
        return not any(lives(pid) for pid in pids)

    asyncio.run(until(are_gone))
    assert len(pids) == 4


def test_what_a_config_map_gives_on_a_cluster_comes_from_this_environment(tmp_path: Path) -> None:
    document = tiny_document()
    reference = {"configMapKeyRef": {"name": "storecast", "key": "uri"}}
    container = document["spec"]["predictors"][0]["componentSpecs"][0]["spec"]["containers"][2]
    container["env"] = [{"name": "MLFLOW_TRACKING_URI", "valueFrom": reference}]
    deployment = SeldonDeployment.from_wire(document)
    with pytest.raises(UsageError, match=r"got no MLFLOW_TRACKING_URI \(from ConfigMap storecast\)"):
        LocalGraph(deployment, tiny_options(tmp_path, environ={}))

    async def run() -> dict[str, Any]:
        environ = {**os.environ, "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
        async with LocalGraph(deployment, tiny_options(tmp_path, environ=environ)) as graph:
            env: dict[str, Any] = (await whoami(graph, "fallback"))["env"]
            return env

    assert asyncio.run(run())["MLFLOW_TRACKING_URI"] == "sqlite:///mlflow.db"
