"""Our stand-in for the operator gives containers and nodes exactly what the real one was seen to give."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from support.graph.operator_cases import operator_cases

from graph.engine.commandline import engine_config
from graph.local.plan import LocalOptions, plan_graph
from graph.operator.defaults import assign_ports, container_env, with_defaults
from graph.operator.executor_container import encoded, executor_annotations, executor_arguments, executor_env
from graph.seldon import PREDICTOR
from graph.spec.deployment import Predictor, SeldonDeployment

PORT_VARIABLES = {
    "PREDICTIVE_UNIT_SERVICE_PORT",
    "PREDICTIVE_UNIT_HTTP_SERVICE_PORT",
    "PREDICTIVE_UNIT_GRPC_SERVICE_PORT",
    "PREDICTIVE_UNIT_METRICS_SERVICE_PORT",
    "MLSERVER_HTTP_PORT",
    "MLSERVER_GRPC_PORT",
    "MLSERVER_METRICS_PORT",
}
RUN = [case for case in operator_cases() if case.get("engine")]


def typed(case: dict[str, Any]) -> SeldonDeployment:
    return SeldonDeployment.from_wire(_without_unknown(case["cr"]))


@pytest.fixture(params=RUN, ids=lambda case: str(case["title"]))
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    recorded: dict[str, Any] = request.param
    return recorded


def _without_unknown(document: dict[str, Any]) -> dict[str, Any]:
    """One case carries an unknown field, which the API server prunes."""
    predictors = [
        {key: value for key, value in predictor.items() if key != "trafic"}
        for predictor in document["spec"]["predictors"]
    ]
    return {**document, "spec": {**document["spec"], "predictors": predictors}}


def test_at_least_twenty_recorded_deployments_are_compared() -> None:
    assert len(RUN) >= 20


def test_ports_are_those_of_the_recorded_containers(case: dict[str, Any]) -> None:
    table = assign_ports(typed(case))
    expected = {
        (predictor, name): container["ports"]
        for predictor, containers in case["containers"].items()
        for name, container in containers.items()
    }
    assert {key: {"http": p.http, "grpc": p.grpc, "metrics": p.metrics} for key, p in table.items()} == expected


def test_env_is_that_of_the_recorded_containers_in_the_same_order(case: dict[str, Any]) -> None:
    deployment = with_defaults(typed(case))
    table = assign_ports(deployment)
    given = {
        predictor.name: {
            container.name: [
                env.to_wire()
                for env in container_env(deployment, predictor, container, table[predictor.name, container.name])
            ]
            for container in predictor.containers()
        }
        for predictor in deployment.spec.predictors
    }
    assert given == {
        predictor: {name: container["env"] for name, container in containers.items()}
        for predictor, containers in case["containers"].items()
    }


def test_nodes_get_the_recorded_types_implementations_endpoints_and_labels(case: dict[str, Any]) -> None:
    deployment = with_defaults(typed(case))
    for predictor in deployment.spec.predictors:
        labels, *nodes = case["nodes"][predictor.name]
        assert predictor.labels == labels["labels"]
        for unit, recorded in zip(predictor.graph.walk(), nodes, strict=True):
            endpoint = unit.endpoint.to_wire() if unit.endpoint else None
            assert (unit.name, unit.type, unit.implementation, endpoint) == (
                recorded["name"],
                recorded["type"],
                recorded["implementation"],
                recorded["endpoint"],
            )


def test_the_executor_gets_the_recorded_flags_and_annotations(case: dict[str, Any]) -> None:
    deployment = with_defaults(typed(case))
    for predictor in deployment.spec.predictors:
        recorded = case["engine"][predictor.name]
        assert executor_arguments(deployment, predictor) == recorded["args"]
        scraped = {"prometheus.io/path": "/prometheus", "prometheus.io/scrape": "true"}
        assert executor_annotations(deployment, predictor) | scraped == recorded["annotations"]


def test_the_executor_gets_the_recorded_env_and_the_recorded_graph_in_it(case: dict[str, Any]) -> None:
    deployment = with_defaults(typed(case))
    for predictor in deployment.spec.predictors:
        recorded = case["engine"][predictor.name]
        first, *others = executor_env(deployment, predictor, "http://default-broker")
        assert [each.to_wire() for each in others] == recorded["env"]
        told = Predictor.from_wire(json.loads(base64.b64decode(first.value or "")))
        wanted = Predictor.from_wire(recorded["predictor"])
        same = ("name", "graph", "labels", "annotations", "replicas", "shadow", "traffic")
        assert {name: getattr(told, name) for name in same} == {name: getattr(wanted, name) for name in same}
        images = [(each.name, each.image) for each in wanted.containers()]
        assert [(each.name, each.image) for each in told.containers()] == images


def test_the_engine_reads_what_the_recorded_executor_was_given(case: dict[str, Any]) -> None:
    for name, recorded in case["engine"].items():
        env = {each["name"]: each["value"] for each in recorded["env"]} | {PREDICTOR: encoded(recorded["predictor"])}
        read = engine_config(recorded["args"], env, recorded["annotations"])
        assert (read.predictor.name, read.port, read.prometheus_path) == (name, 8000, "/prometheus")
        assert read.default_log_url == "http://default-broker"
        assert read.predictor.graph.to_wire() == recorded["predictor"]["graph"]


def test_the_local_runner_gives_each_component_the_recorded_env_and_ports_and_nothing_else(
    case: dict[str, Any],
) -> None:
    deployment = typed(case)
    for name, containers in case["containers"].items():
        elsewhere = {
            each["name"]: "from elsewhere"
            for container in containers.values()
            for each in container["env"]
            if "valueFrom" in each
        }
        here = plan_graph(deployment, LocalOptions(environ=elsewhere, log_dir=Path("logs"), predictor=name))
        assert {each.name: each.env for each in here.components} == {
            each: {variable["name"]: variable.get("value", "from elsewhere") for variable in container["env"]}
            for each, container in containers.items()
        }
        assert {each: vars(ports) for each, ports in here.ports.items()} == {
            each: container["ports"] for each, container in containers.items()
        }


def test_the_local_runner_moves_only_ports_when_it_is_given_free_ones(case: dict[str, Any]) -> None:
    deployment = typed(case)
    elsewhere = dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD"), "x")
    there, here = (
        plan_graph(deployment, LocalOptions(environ=elsewhere, log_dir=Path("logs"), free_ports=free))
        for free in (False, True)
    )
    for one, other in zip(there.components, here.components, strict=True):
        assert one.env.keys() == other.env.keys()
        assert {name for name in one.env if one.env[name] != other.env[name]} <= PORT_VARIABLES


def test_nodes_are_reached_at_the_recorded_ports_on_this_machine(case: dict[str, Any]) -> None:
    deployment = typed(case)
    for name, (_, *recorded) in case["nodes"].items():
        elsewhere = dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD"), "x")
        here = plan_graph(deployment, LocalOptions(environ=elsewhere, log_dir=Path("logs"), predictor=name))
        wanted = [{**each["endpoint"], "service_host": "127.0.0.1"} if each["endpoint"] else None for each in recorded]
        assert [unit.endpoint and unit.endpoint.to_wire() for unit in here.predictor.graph.walk()] == wanted
