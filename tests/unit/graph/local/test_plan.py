"""What the local runner would start, without starting it."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.graph.local_graphs import tiny_document, tiny_options

from graph import errors
from graph.errors import GraphError, UsageError
from graph.local.plan import GraphPlan, plan_graph
from graph.local.process import ProcessSpec, RestartPolicy
from graph.render import GraphOptions, render
from graph.spec.deployment import SeldonDeployment


def planned(document: Mapping[str, Any], **options: Any) -> GraphPlan:  # noqa: ANN401 - any option
    return plan_graph(SeldonDeployment.from_wire(document), tiny_options(Path("logs"), **options))


def first_container(document: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = document["spec"]["predictors"][0]["componentSpecs"][0]["spec"]["containers"][0]
    return container


def first(document: Mapping[str, Any], **options: Any) -> ProcessSpec:  # noqa: ANN401 - any option
    return planned(document, **options).components[0]


def test_ports_are_those_of_a_cluster_unless_free_ones_are_asked_for() -> None:
    cluster = planned(tiny_document(), free_ports=False)
    assert [(p.http, p.metrics) for p in cluster.ports.values()] == [(9000, 6000), (9001, 6001), (9002, 6002)]
    free = planned(tiny_document(), free_ports=True)
    numbers = [number for p in free.ports.values() for number in (p.http, p.grpc, p.metrics)]
    assert len(set(numbers)) == 9


def test_nodes_are_reached_on_this_machine_at_the_ports_of_their_components() -> None:
    here = planned(tiny_document())
    endpoints = {unit.name: unit.endpoint for unit in here.predictor.graph.walk()}
    assert {name: (e.service_host, e.http_port) for name, e in endpoints.items() if e} == {
        name: ("127.0.0.1", ports.http) for name, ports in here.ports.items()
    }


def test_the_command_is_the_containers_own_or_the_stand_in_for_the_image() -> None:
    document = tiny_document()
    assert first(document, entrypoint=["python", "-m", "x"]).command == ["python", "-m", "x", "ready"]
    first_container(document)["command"] = ["own"]
    assert first(document).command == ["own", "ready"]


def test_a_variable_that_is_passed_on_gives_way_to_the_containers_own() -> None:
    document = tiny_document()
    first_container(document)["env"] = [{"name": "A", "value": "own"}]
    env = first(document, environ={"A": "1", "B": "2", "C": "3"}, passed_on=["A", "B", "D"]).env
    assert (env["A"], env["B"]) == ("own", "2")
    assert "C" not in env


def test_references_to_variables_are_resolved_as_kubernetes_does() -> None:
    document = tiny_document()
    first_container(document)["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2 $(NONE) $$(A)"}]
    first_container(document)["args"] = ["--id=$(PREDICTIVE_UNIT_ID)", "$(B)"]
    started = first(document)
    assert started.command[-2:] == ["--id=router", "12 $(NONE) $(A)"]


def test_a_probe_by_number_moves_with_its_port() -> None:
    document = tiny_document()
    first_container(document)["readinessProbe"] = {"tcpSocket": {"port": 9000}}
    here = planned(document)
    assert (here.components[0].probe_port, here.components[0].probe_path) == (here.ports["router"].http, "")


def test_a_container_without_a_probe_is_asked_as_the_operator_would() -> None:
    document = tiny_document()
    del first_container(document)["readinessProbe"]
    here = planned(document)
    assert (here.components[0].probe_port, here.components[0].probe_path) == (here.ports["router"].http, "")


def test_the_first_predictor_runs_unless_another_is_named() -> None:
    document = tiny_document()
    document["spec"]["predictors"].append({**document["spec"]["predictors"][0], "name": "canary"})
    assert planned(document).predictor.name == "main"
    assert planned(document, predictor="canary").predictor.name == "canary"
    with pytest.raises(UsageError, match="wanted one of the predictors main, canary, got 'blue'"):
        planned(document, predictor="blue")


def test_a_sidecar_is_not_run() -> None:
    document = tiny_document()
    pod = document["spec"]["predictors"][0]["componentSpecs"][0]["spec"]
    pod["containers"].append({"name": "sidecar", "image": "sidecar:1"})
    here = planned(document)
    assert here.not_run == ["sidecar"]
    assert [each.name for each in here.components] == ["router", "forecaster", "fallback"]


def test_all_that_only_a_cluster_starts_is_named() -> None:
    document = tiny_document()
    predictor = document["spec"]["predictors"][0]
    predictor["componentSpecs"][0]["spec"]["initContainers"] = [{"name": "fetch", "image": "fetch:1"}]
    predictor["componentSpecs"].append({"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]}})
    predictor["graph"]["children"][0]["modelUri"] = "s3://models/one"
    predictor["explainer"] = {"type": "KernelShap"}
    assert planned(document).not_run == ["proxy", "fetch", "forecaster-model-initializer", "explainer"]
    predictor["explainer"] = {}
    assert "explainer" not in planned(document).not_run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transport": "grpc"}, r"spec\.transport rest"),
        ({"protocol": "v2"}, r"spec\.protocol seldon"),
        ({"serverType": "kafka"}, r"spec\.serverType rpc"),
    ],
)
def test_what_only_a_cluster_can_run_is_refused(change: dict[str, Any], message: str) -> None:
    document = tiny_document()
    document["spec"] |= change
    with pytest.raises(UsageError, match=message):
        planned(document)


def test_a_ready_made_server_is_refused() -> None:
    document = tiny_document()
    document["spec"]["predictors"][0]["graph"]["children"][0]["implementation"] = "MLFLOW_SERVER"
    with pytest.raises(UsageError, match="forecaster: wanted a container for a local run, got MLFLOW_SERVER"):
        planned(document)


def test_all_missing_variables_are_named_at_once_and_optional_ones_may_be_missing() -> None:
    document = tiny_document()
    secret = {"name": "mlflow", "key": "x"}
    first_container(document)["env"] = [
        {"name": "USER_NAME", "valueFrom": {"secretKeyRef": secret}},
        {"name": "PASS_WORD", "valueFrom": {"secretKeyRef": secret}},
        {"name": "REGION", "valueFrom": {"configMapKeyRef": {**secret, "optional": True}}},
    ]
    with pytest.raises(UsageError, match=r"no PASS_WORD \(from Secret mlflow\), USER_NAME \(from Secret mlflow\)"):
        planned(document, environ={})
    env = first(document, environ={"USER_NAME": "a", "PASS_WORD": "b"}).env
    assert (env["USER_NAME"], env["PASS_WORD"], "REGION" in env) == ("a", "b", False)


def test_a_whole_secret_cannot_be_looked_up_unless_it_is_optional() -> None:
    document = tiny_document()
    first_container(document)["envFrom"] = [{"secretRef": {"name": "mlflow"}}]
    with pytest.raises(UsageError, match=r"router: envFrom\[0\]: wanted single variables"):
        planned(document)
    first_container(document)["envFrom"][0]["secretRef"]["optional"] = True
    assert len(planned(document).components) == 3


def test_the_rendered_graph_can_be_planned_with_one_exported_variable() -> None:
    here = plan_graph(
        render(GraphOptions(shards=2)), tiny_options(Path("logs"), environ={"MLFLOW_TRACKING_URI": "sqlite://"})
    )
    assert [each.name for each in here.components] == ["router", "forecaster-0", "forecaster-1", "fallback"]
    assert {each.probe_path for each in here.components} == {"/health/status"}


def test_a_logger_without_a_url_is_off_where_there_is_no_default() -> None:
    def loggers(**options: Any) -> list[str | None]:  # noqa: ANN401 - any option
        document = tiny_document()
        root = document["spec"]["predictors"][0]["graph"]
        root["logger"] = {"mode": "all"}
        root["children"][0]["logger"] = {"mode": "all", "url": "http://sink/"}
        units = planned(document, **options).predictor.graph.walk()
        return [unit.logger.url or "default" if unit.logger else None for unit in units]

    assert loggers() == [None, "http://sink/", None]
    assert loggers(default_log_url="http://other/") == ["default", "http://sink/", None]


@pytest.mark.parametrize("url", ["http://log.ns.svc", "http://log.ns.svc:80/x", "https://log.ns.svc.cluster.local/"])
def test_a_logger_that_names_a_service_of_the_cluster_logs_to_the_default_here(url: str) -> None:
    document = tiny_document()
    document["spec"]["predictors"][0]["graph"]["logger"] = {"mode": "all", "url": url}
    assert planned(document).predictor.graph.logger is None
    logger = planned(document, default_log_url="http://other/").predictor.graph.logger
    assert (logger and logger.mode, logger and logger.url) == ("all", None)


def test_waits_double_up_to_the_longest_and_jitter_stays_within_its_share() -> None:
    restarts = RestartPolicy(first_s=1.0, longest_s=5.0, jitter=0.2)
    assert [restarts.wait_s(deaths, 0.5) for deaths in (1, 2, 3, 4, 1000)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert [restarts.wait_s(1, chance) for chance in (0.0, 0.5, 1.0)] == [0.8, 1.0, 1.2]


def test_every_error_survives_pickling_with_its_codes() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GraphError)]
    assert len(kinds) >= 4
    for kind in kinds:
        copy = pickle.loads(pickle.dumps(kind("what was wanted")))  # noqa: S301 - our own bytes
        assert (type(copy), str(copy), copy.exit_code) == (kind, "what was wanted", kind.exit_code)
