"""A real MLflow server is killed under a running graph, and comes back."""

import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.servers.mlflow_server import mlflow_server
from support.serving.registered_fleets import STORES, Registry
from support.serving.served_graphs import ServedGraph, served_graph, until

from fleet.names import CHAMPION, FLEET_MODEL, alias_uri
from graph.local.free_ports import free_ports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a graph in /proc")

WEEK = [{"storeId": str(number + 1), "beginDate": "2015-06-20", "endDate": "2015-06-26"} for number in range(STORES)]


def versions(graph: ServedGraph) -> set[str]:
    reply = graph.ask(WEEK)
    assert reply.status == 200
    return {entry["model"]["version"] for entry in reply.json()["jsonData"]}


def failures(graph: ServedGraph) -> float:
    return graph.metric("forecaster", "storecast_fleet_reload_failures_total", reason="registry")


def test_the_graph_answers_while_mlflow_is_away_and_follows_it_when_it_is_back(tmp_path: Path) -> None:
    port, folder = free_ports(1)[0], tmp_path / "mlflow"
    with ExitStack() as ending:
        server = ending.enter_context(ExitStack())
        url = server.enter_context(mlflow_server(folder, port, ended_by=signal.SIGKILL))
        first, second = (registry := Registry(url, tmp_path / "fleets")).fleets
        champion = alias_uri(FLEET_MODEL, CHAMPION)
        graph = ending.enter_context(served_graph(champion, tmp_path / "home", registry=url, reload_seconds="0.3"))
        assert versions(graph) == {first}

        server.close()
        until(lambda: versions(graph) == {first} and failures(graph) >= 2)
        logs = "".join(log.read_text() for log in (tmp_path / "home" / "logs").glob("forecaster*.log"))
        assert "wrapper.reload_failed" in logs

        ending.enter_context(mlflow_server(folder, port))
        registry.point(second)
        until(lambda: versions(graph) == {second})
