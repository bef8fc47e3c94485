"""Our stand-in for the operator gives containers and nodes exactly what the real one was seen to give."""

from typing import Any

import pytest
from support.operator_cases import operator_cases

from graph.operator import assign_ports, container_env, with_defaults
from graph.spec import SeldonDeployment

RUN = [case for case in operator_cases() if case.get("nodes")]


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
