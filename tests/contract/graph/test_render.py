"""The rendered graph: as committed, as our rules want it, and as the real CRD wants it."""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from graph.render import CACHE, CACHE_PATH, GraphOptions, Resources, render, to_yaml
from graph.spec.deployment import SeldonDeployment
from graph.validation.documents import load
from graph.validation.validate import problems

FOLDER = Path(__file__).parents[3] / "manifests" / "graphs"
COMMITTED = {
    "storecast.yaml": GraphOptions(),
    "storecast-sharded.yaml": GraphOptions(shards=3),
    "storecast-challenger.yaml": GraphOptions(challenger_share=10),
}
VARIANTS = {
    "as committed": GraphOptions(),
    "three shards": GraphOptions(shards=3),
    "a challenger": GraphOptions(challenger_share=12.5, experiment="more-waves"),
    "shards and a challenger": GraphOptions(shards=40, challenger_share=100),
    "fixed replicas": GraphOptions(replicas=1, max_replicas=1),
    "log sink": GraphOptions(log_url="http://request-log.storecast.svc:8080/", log_mode="response"),
    "no log": GraphOptions(log_mode=""),
    "other names": GraphOptions(name="demand", namespace="retail", predictor="blue", image="r.example:5000/s:2"),
}


@pytest.fixture(params=VARIANTS.values(), ids=list(VARIANTS))
def rendered(request: pytest.FixtureRequest) -> SeldonDeployment:
    options: GraphOptions = request.param
    return render(options)


def containers(deployment: SeldonDeployment) -> dict[str, dict[str, Any]]:
    return {each.name: each.to_wire() for each in deployment.spec.predictors[0].containers()}


def pod(deployment: SeldonDeployment) -> dict[str, Any]:
    (component,) = deployment.spec.predictors[0].component_specs
    assert component.spec is not None
    return component.spec.to_wire()


def env_of(container: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container["env"]}


def test_the_committed_manifests_are_what_the_renderer_writes() -> None:
    """After a wanted change, write them anew: `make render`."""
    assert {path.name for path in FOLDER.iterdir()} == COMMITTED.keys()
    for name, options in COMMITTED.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == to_yaml(render(options)), name


def test_a_rendered_graph_passes_our_own_rules(rendered: SeldonDeployment) -> None:
    assert problems(rendered.to_wire()) == []


def test_yaml_reads_back_as_the_same_object(rendered: SeldonDeployment, tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(to_yaml(rendered))
    assert load(path) == [rendered.to_wire()]


def test_rendering_twice_gives_the_same_bytes() -> None:
    options = GraphOptions(shards=3)
    assert to_yaml(render(options)) == to_yaml(render(options))


def test_the_router_comes_before_its_forecasters_and_the_fallback_is_last() -> None:
    graph = render(GraphOptions(shards=3)).spec.predictors[0].graph
    assert [unit.name for unit in graph.walk()] == [
        "router",
        "forecaster-0",
        "forecaster-1",
        "forecaster-2",
        "fallback",
    ]
    assert (graph.type, graph.methods) == ("ROUTER", ["AGGREGATE"])


def test_a_challenger_is_the_last_child_and_everybody_knows_its_share() -> None:
    deployment = render(GraphOptions(shards=2, challenger_share=30, experiment="e"))
    names = [unit.name for unit in deployment.spec.predictors[0].graph.walk()]
    envs = {name: env_of(each) for name, each in containers(deployment).items()}

    assert names == ["router", "forecaster-0", "forecaster-1", "fallback", "challenger"]
    assert {(env["STORECAST_CHALLENGER_SHARE"], env["STORECAST_EXPERIMENT"]) for env in envs.values()} == {("30", "e")}
    assert [name for name, env in envs.items() if "STORECAST_CHALLENGER_URI" in env] == ["challenger"]
    assert envs["challenger"]["STORECAST_CHALLENGER_URI"] == "models:/storecast-fleet@challenger"
    assert containers(deployment)["challenger"]["args"] == ["model_wrapper.ChallengerForecaster"]


def test_a_graph_without_a_challenger_knows_nothing_of_one() -> None:
    assert "challenger" not in to_yaml(render(GraphOptions(shards=2))).lower()


def test_only_the_root_logs() -> None:
    root = render(GraphOptions()).spec.predictors[0].graph
    assert [unit.name for unit in root.walk() if unit.logger] == ["router"]


def test_shards_are_told_their_number_and_one_forecaster_is_told_none() -> None:
    sharded = {name: env_of(each) for name, each in containers(render(GraphOptions(shards=2))).items()}
    assert {name: env.get("STORECAST_SHARDS") for name, env in sharded.items()} == dict.fromkeys(sharded, "2")
    assert [env.get("STORECAST_SHARD_INDEX") for env in sharded.values()] == [None, "0", "1", None]
    alone = env_of(containers(render(GraphOptions()))["forecaster"])
    assert not {"STORECAST_SHARDS", "STORECAST_SHARD_INDEX"} & alone.keys()


def test_the_tracking_address_comes_from_the_config_map_and_grpc_workers_are_off(rendered: SeldonDeployment) -> None:
    reference = {"configMapKeyRef": {"name": "storecast", "key": "MLFLOW_TRACKING_URI"}}
    for container in containers(rendered).values():
        assert {"name": "MLFLOW_TRACKING_URI", "valueFrom": reference} in container["env"]
        assert env_of(container)["GRPC_WORKERS"] == "0"


def test_no_container_declares_a_port_and_probes_use_the_one_that_the_operator_names(
    rendered: SeldonDeployment,
) -> None:
    for container in containers(rendered).values():
        assert "ports" not in container
        assert container["livenessProbe"]["httpGet"] == {"path": "/health/ping", "port": "http"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/health/status", "port": "http"}


def test_containers_run_without_privileges_and_write_only_to_their_volumes(rendered: SeldonDeployment) -> None:
    for container in containers(rendered).values():
        assert container["securityContext"] == {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {"/tmp": f"tmp-{container['name']}", CACHE_PATH: CACHE}  # noqa: S108 - of the container


def test_all_containers_share_one_cache_of_fleets_which_may_be_a_claim(rendered: SeldonDeployment) -> None:
    for container in containers(rendered).values():
        assert {"name": "STORECAST_CACHE_DIR", "value": CACHE_PATH} in container["env"]
    volumes = {volume["name"]: volume for volume in pod(rendered)["volumes"]}
    assert volumes[CACHE] == {"name": CACHE, "emptyDir": {}}
    claimed = {volume["name"]: volume for volume in pod(render(GraphOptions(cache_claim="fleets")))["volumes"]}
    assert claimed[CACHE] == {"name": CACHE, "persistentVolumeClaim": {"claimName": "fleets"}}


def test_resources_are_options() -> None:
    small = dict.fromkeys(("router", "forecaster", "fallback", "engine"), Resources("10m", "64Mi", "100m", "128Mi"))
    for container in containers(render(GraphOptions(resources=small))).values():
        assert container["resources"]["requests"] == {"cpu": "10m", "memory": "64Mi"}


def test_the_real_crd_takes_the_rendered_graph(rendered: SeldonDeployment) -> None:
    path = os.environ.get("SELDON_CRD", "")
    if not path:
        pytest.skip("SELDON_CRD does not name the file of Seldon's CRD (YAML, or YAML in gzip)")
    validator = jsonschema.Draft202012Validator(strict_schema(path))
    assert list(validator.iter_errors(rendered.to_wire())) == []


@cache
def strict_schema(path: str) -> dict[str, Any]:
    """The schema of v1 without room for unknown fields, as strict field validation reads it."""
    raw = Path(path).read_bytes()
    crd = yaml.load(gzip.decompress(raw) if path.endswith(".gz") else raw, Loader=yaml.CSafeLoader)
    version = next(each for each in crd["spec"]["versions"] if each["name"] == "v1")
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    close(schema)
    return schema


def close(schema: object) -> None:
    below = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for each in list(below):
        close(each)
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
