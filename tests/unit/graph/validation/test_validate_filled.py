"""What the operator fills in or converts is judged as it will be, not as it is written."""

from typing import Any

import pytest

from graph.operator.defaults import Ports, assign_ports
from graph.spec.deployment import SeldonDeployment
from graph.validation.node_rules import SERVERS, V2_SERVERS
from graph.validation.validate import problems

PREDICTOR = "spec.predictors[0]"
CONTAINERS = f"{PREDICTOR}.componentSpecs[0].spec.containers"
SIDECAR = {"name": "sidecar", "image": "registry.example/sidecar:1"}
CPU = {"requests": {"cpu": "1"}}


def server(name: str = "one", implementation: str = "MLFLOW_SERVER", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name, "implementation": implementation, "modelUri": "s3://models/one", **more}


def deployment(graph: dict[str, Any], *pods: dict[str, Any], protocol: str = "seldon") -> dict[str, Any]:
    """With one predictor; a pod is a componentSpec."""
    predictor = {"name": "main", "graph": graph, "componentSpecs": list(pods)}
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": "chain"},
        "spec": {"protocol": protocol, "predictors": [predictor]},
    }


def pod(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any member
    return {"spec": {"containers": list(containers)}, **more}


def paths(document: dict[str, Any]) -> list[str]:
    return [problem.path for problem in problems(document)]


def protocol_of(implementation: str) -> str:
    return "v2" if implementation in V2_SERVERS else "seldon"


@pytest.mark.parametrize("implementation", SERVERS)
@pytest.mark.parametrize(
    "pods",
    [
        (),
        (pod({"name": "one"}),),
        (pod({"name": "one", "image": ""}),),
        (pod(SIDECAR), pod({"name": "one"})),
        (pod({"name": "one", "image": "registry.example/own:1"}),),
    ],
    ids=["no pod", "no image", "an empty image", "a pod of its own", "an image of its own"],
)
def test_a_prepackaged_server_needs_no_image(implementation: str, pods: tuple[dict[str, Any], ...]) -> None:
    graph = server(implementation=implementation)
    assert paths(deployment(graph, *pods, protocol=protocol_of(implementation))) == []


def test_what_the_operator_does_not_fill_in_is_still_wanted() -> None:
    bare = {"name": "one", "type": "MODEL"}
    assert paths(deployment(bare, pod({"name": "one"}))) == [f"{CONTAINERS}[0].image"]
    assert paths(deployment(server(), pod({"name": "sidecar"}))) == [f"{CONTAINERS}[0].image"]
    untagged = {"name": "one", "image": "registry.example/own"}
    assert paths(deployment(server(), pod(untagged))) == [f"{CONTAINERS}[0].image"]


@pytest.mark.parametrize("written", ["ROUTER", "COMBINER", "TRANSFORMER", "UNKNOWN_TYPE", "ANYTHING"])
def test_a_prepackaged_server_is_judged_as_the_model_that_it_becomes(written: str) -> None:
    assert paths(deployment(server(type=written))) == []
    two = [server("two"), server("three")]
    assert paths(deployment(server(type=written, children=two))) == [f"{PREDICTOR}.graph.children"]


def test_a_container_that_the_operator_adds_is_judged_at_its_node() -> None:
    combiner = {"name": "mix", "type": "COMBINER", "children": [server("one"), server("two")]}
    hpa = {"maxReplicas": 3, "metricsv2": [v2("cpu")]}
    mix = {"name": "mix", "image": "registry.example/mix:1", "resources": CPU}
    one = {"name": "one", "resources": CPU}
    assert paths(deployment(combiner, pod(mix, one, hpaSpec=hpa))) == [f"{PREDICTOR}.graph.children[1]"]
    assert paths(deployment(combiner, pod(mix, hpaSpec=hpa))) == [f"{PREDICTOR}.graph.children[{n}]" for n in (0, 1)]
    taken = {**SIDECAR, "ports": [{"containerPort": 9001}]}
    assert paths(deployment(server(), pod(taken))) == [f"{PREDICTOR}.graph"]


def test_ports_of_added_containers_come_after_those_of_all_pods() -> None:
    combiner = {"name": "mix", "type": "COMBINER", "children": [server("one"), server("two")]}
    mix = {"name": "mix", "image": "registry.example/mix:1"}
    document = SeldonDeployment.from_wire(deployment(combiner, pod(mix), pod({"name": "two"})))
    assert assign_ports(document) == {
        ("main", "mix"): Ports(9000, 9500, 6000),
        ("main", "two"): Ports(9001, 9501, 6001),
        ("main", "one"): Ports(9002, 9502, 6002),
    }


def v2(resource: str, kind: str = "Utilization") -> dict[str, Any]:
    target = {"type": kind} | ({"averageUtilization": 40} if kind == "Utilization" else {"averageValue": "1"})
    return {"type": "Resource", "resource": {"name": resource, "target": target}}


def v2beta1(resource: str, kind: str = "Utilization") -> dict[str, Any]:
    target = {"targetAverageUtilization": 40} if kind == "Utilization" else {"targetAverageValue": "1"}
    return {"type": "Resource", "resource": {"name": resource, **target}}


FORMS = {"metricsv2": v2, "metrics": v2beta1}
MODEL = {"name": "one", "image": "registry.example/one:1"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("resource", ["cpu", "memory", "nvidia.com/gpu"])
@pytest.mark.parametrize("kind", ["Utilization", "AverageValue"])
def test_both_forms_of_a_metric_are_judged_alike(form: str, resource: str, kind: str) -> None:
    hpa = {"maxReplicas": 3, form: [FORMS[form](resource, kind)]}
    graph = {"name": "one", "type": "MODEL"}
    missing = [f"{CONTAINERS}[0].resources.requests"] if kind == "Utilization" else []
    assert paths(deployment(graph, pod(MODEL, hpaSpec=hpa))) == missing
    asked = {**MODEL, "resources": {"requests": {resource: "1"}}}
    assert paths(deployment(graph, pod(asked, hpaSpec=hpa))) == []


def test_metrics_in_both_forms_are_all_judged() -> None:
    hpa = {"maxReplicas": 3, "metricsv2": [v2("cpu")], "metrics": [v2beta1("memory")]}
    found = problems(deployment({"name": "one", "type": "MODEL"}, pod(MODEL, hpaSpec=hpa)))
    assert [problem.wanted for problem in found] == [
        f"a request of {name}, because the autoscaler uses it" for name in ("cpu", "memory")
    ]


@pytest.mark.parametrize(
    ("volume", "known"), [("seldon-podinfo", True), ("one-provision-location", True), ("x", False)]
)
def test_a_volume_that_the_operator_adds_may_be_mounted(volume: str, *, known: bool) -> None:
    container = {**MODEL, "volumeMounts": [{"name": volume, "mountPath": "/mnt/here", "readOnly": True}]}
    assert paths(deployment(server(), pod(container))) == ([] if known else [f"{CONTAINERS}[0].volumeMounts[0].name"])


def test_a_model_is_fetched_for_nodes_with_its_uri_alone() -> None:
    container = {**MODEL, "volumeMounts": [{"name": "one-provision-location", "mountPath": "/mnt/here"}]}
    graph = {"name": "one", "type": "MODEL"}
    assert paths(deployment(graph, pod(container))) == [f"{CONTAINERS}[0].volumeMounts[0].name"]
