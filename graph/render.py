"""Renders the graph of this system as a SeldonDeployment: a router over forecasters and a fallback.

```
router (ROUTER, AGGREGATE)
  forecaster, or forecaster-0 .. forecaster-<n-1>
  fallback
  challenger, where there is an experiment
```
All containers share one pod and one image; each serves another class. The router's children come in the order in
which it counts them: shards first, then the fallback; the challenger last, so that the others keep their places when an
experiment begins or ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from graph.seldon import API_VERSION, KIND, REST_TIMEOUT
from graph.spec.base import ObjectMeta
from graph.spec.deployment import (
    ComponentSpec,
    DeploymentSpec,
    Logger,
    PredictiveUnit,
    Predictor,
    SeldonDeployment,
    SvcOrchSpec,
)
from graph.spec.pod import (
    Capabilities,
    Container,
    ContainerSecurityContext,
    EnvVar,
    EnvVarSource,
    HttpGetAction,
    KeyRef,
    PodSecurityContext,
    PodSpec,
    Probe,
    ResourceRequirements,
    SeccompProfile,
    Volume,
    VolumeMount,
)
from graph.spec.scaling import HpaSpec, Metric, MetricTarget, PdbSpec, ResourceMetric
from graph.spec.volumes import ClaimVolume, EmptyDir

ROUTER = "router"
FORECASTER = "forecaster"
FALLBACK = "fallback"
CHALLENGER = "challenger"
CONFIG_MAP = "storecast"
CACHE, CACHE_PATH = "fleet-cache", "/var/cache/storecast"
USER_ID = 8888
RENDERED_BY = "# rendered by `storecast graph render`; change its options, not this file\n"
# The widest line of a rendered file; a longer text is kept whole.
_YAML_WIDTH = 120


@dataclass(frozen=True)
class Resources:
    """What one container asks for, and the most that it gets; Kubernetes quantities."""

    cpu: str
    memory: str
    cpu_limit: str
    memory_limit: str

    def requirements(self) -> ResourceRequirements:
        """The same as Kubernetes writes it."""
        return ResourceRequirements(
            requests={"cpu": self.cpu, "memory": self.memory},
            limits={"cpu": self.cpu_limit, "memory": self.memory_limit},
        )


DEFAULT_RESOURCES: Mapping[str, Resources] = MappingProxyType(
    {
        ROUTER: Resources("100m", "256Mi", "1", "512Mi"),
        FORECASTER: Resources("250m", "256Mi", "1", "768Mi"),
        FALLBACK: Resources("50m", "256Mi", "500m", "512Mi"),
        "engine": Resources("100m", "128Mi", "1", "512Mi"),
    }
)


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """What can be chosen about the rendered graph."""

    name: str = "storecast"
    """Name of the SeldonDeployment."""
    namespace: str = "storecast"
    """Its namespace."""
    predictor: str = "main"
    """Name of its one predictor."""
    version: str = "v1"
    """Version of the predictor, as the executor's and the components' metrics show it."""
    image: str = "storecast:0.1.0"
    """The serving image, with a tag that stays or a digest."""
    fleet_uri: str = "models:/storecast-fleet@champion"
    """Where the components find the fleet."""
    shards: int = 1
    """Number of forecasters; with more than one, each serves its share of the stores."""
    challenger_share: float | None = None
    """Percent of the stores that a challenger answers, 0 to 100; None for a graph without one."""
    challenger_uri: str = "models:/storecast-fleet@challenger"
    """Where the challenger finds its fleet; while there is none, the champion answers its stores."""
    experiment: str = "challenger"
    """Name of the experiment: another name draws other stores."""
    workers: int = 1
    """Worker processes in each component."""
    replicas: int = 2
    """Pods; with `max_replicas` above it, the least number of pods."""
    max_replicas: int = 6
    """Most pods; equal to `replicas` for a fixed number."""
    cpu_utilisation_percent: int = 70
    """Share of the requested CPU at which pods are added."""
    rest_timeout_ms: int = 5000
    """How long the executor waits for each call of a node."""
    cache_claim: str = ""
    """PersistentVolumeClaim of downloaded fleets, for pods to share; when empty, each pod has a folder of its own."""
    log_url: str = "http://request-log.{namespace}.svc/"
    """Where request payloads are logged; `{namespace}` is the graph's; the executor's default when empty."""
    log_mode: str = "all"
    """What is logged of each request: request, response, all; empty for nothing."""
    resources: Mapping[str, Resources] = field(default_factory=lambda: DEFAULT_RESOURCES)
    """Resources of `router`, `forecaster` (the challenger's, too), `fallback` and `engine`."""


def render(options: GraphOptions) -> SeldonDeployment:
    """The SeldonDeployment of the graph: the same options give the same object. It is not validated here."""
    predictor = Predictor(
        name=options.predictor,
        annotations={"version": options.version},
        labels={"version": options.version},
        graph=_graph(options),
        component_specs=[_component(options)],
        svc_orch_spec=SvcOrchSpec(resources=options.resources["engine"].requirements()),
        replicas=None if _scales(options) else options.replicas,
    )
    return SeldonDeployment(
        api_version=API_VERSION,
        kind=KIND,
        metadata=ObjectMeta(name=options.name, namespace=options.namespace),
        spec=DeploymentSpec(annotations={REST_TIMEOUT: str(options.rest_timeout_ms)}, predictors=[predictor]),
    )


def to_yaml(deployment: SeldonDeployment) -> str:
    """The SeldonDeployment as YAML with its comment, fields in the order of the model, the same bytes each time."""
    body = yaml.dump(deployment.to_wire(), Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=_YAML_WIDTH)
    return RENDERED_BY + body


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as people write Kubernetes files."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's signature
        return True


def _graph(options: GraphOptions) -> PredictiveUnit:
    names = [*_forecasters(options), FALLBACK, *([CHALLENGER] if _has_challenger(options) else [])]
    # On the root only: with mode all, a node with children logs each payload of theirs once more.
    url = options.log_url.replace("{namespace}", options.namespace)
    logger = Logger(url=url or None, mode=options.log_mode) if options.log_mode else None
    return PredictiveUnit(
        name=ROUTER,
        type="ROUTER",
        methods=["AGGREGATE"],
        logger=logger,
        children=[PredictiveUnit(name=name, type="MODEL") for name in names],
    )


def _forecasters(options: GraphOptions) -> list[str]:
    return [FORECASTER] if options.shards == 1 else [f"{FORECASTER}-{index}" for index in range(options.shards)]


def _has_challenger(options: GraphOptions) -> bool:
    return options.challenger_share is not None


def _wiring(options: GraphOptions) -> list[tuple[str, str]]:
    """What every component must know alike, so that each store has one owner."""
    wiring = [("STORECAST_SHARDS", str(options.shards))] if options.shards > 1 else []
    if options.challenger_share is not None:
        wiring.append(("STORECAST_CHALLENGER_SHARE", f"{options.challenger_share:g}"))
        wiring.append(("STORECAST_EXPERIMENT", options.experiment))
    return wiring


def _component(options: GraphOptions) -> ComponentSpec:
    wiring = _wiring(options)
    behind = ("STORECAST_BEHIND_ROUTER", "true")
    containers = [_container(options, ROUTER, ROUTER, "StoreRouter", wiring)]
    for index, name in enumerate(_forecasters(options)):
        mine = [("STORECAST_SHARD_INDEX", str(index))] if options.shards > 1 else []
        containers.append(_container(options, name, FORECASTER, "StoreForecaster", [behind, *wiring, *mine]))
    containers.append(_container(options, FALLBACK, FALLBACK, "FallbackForecaster", [behind, *wiring]))
    if _has_challenger(options):
        extra = [("STORECAST_CHALLENGER_URI", options.challenger_uri), behind, *wiring]
        containers.append(_container(options, CHALLENGER, FORECASTER, "ChallengerForecaster", extra))
    pod = PodSpec(
        containers=containers,
        volumes=[
            _cache(options),
            *(Volume(name=_scratch(container.name), empty_dir=EmptyDir()) for container in containers),
        ],
        security_context=PodSecurityContext(
            run_as_non_root=True,
            run_as_user=USER_ID,
            fs_group=USER_ID,
            seccomp_profile=SeccompProfile(type="RuntimeDefault"),
        ),
        automount_service_account_token=False,
        # The operator's preStop hook sleeps 10 s; the rest is for requests in flight.
        termination_grace_period_seconds=30,
        # A Service named storecast-... would put its own STORECAST_... variables beside our settings.
        enable_service_links=False,
    )
    hpa = _hpa(options) if _scales(options) else None
    return ComponentSpec(spec=pod, hpa_spec=hpa, pdb_spec=PdbSpec(max_unavailable=1))


def _container(options: GraphOptions, name: str, role: str, component: str, extra: list[tuple[str, str]]) -> Container:
    return Container(
        name=name,
        image=options.image,
        args=[f"model_wrapper.{component}"],
        env=_env(options, extra),
        # `http` is the port that the operator adds: declared here, it would choose the number, for each container.
        liveness_probe=_probe("/health/ping", initial_delay_seconds=60, period_seconds=10),
        readiness_probe=_probe("/health/status", initial_delay_seconds=5, period_seconds=5),
        resources=options.resources[role].requirements(),
        security_context=ContainerSecurityContext(
            run_as_non_root=True,
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=Capabilities(drop=["ALL"]),
        ),
        volume_mounts=[
            VolumeMount(name=_scratch(name), mount_path="/tmp"),  # noqa: S108 - of the container
            VolumeMount(name=CACHE, mount_path=CACHE_PATH),
        ],
    )


def _env(options: GraphOptions, extra: list[tuple[str, str]]) -> list[EnvVar]:
    tracking = EnvVarSource(config_map_key_ref=KeyRef(name=CONFIG_MAP, key="MLFLOW_TRACKING_URI"))
    plain = {
        "STORECAST_FLEET_URI": options.fleet_uri,
        # One folder for all containers: the first that finds a new version downloads it, the others open it.
        "STORECAST_CACHE_DIR": CACHE_PATH,
        **dict(extra),
        "GUNICORN_WORKERS": str(options.workers),
        # With a gRPC worker, SIGTERM does not end the wrapper; it also costs one more copy of the fleet.
        "GRPC_WORKERS": "0",
    }
    return [
        EnvVar(name="MLFLOW_TRACKING_URI", value_from=tracking),
        *(EnvVar(name=name, value=value) for name, value in plain.items()),
    ]


def _probe(path: str, *, initial_delay_seconds: int, period_seconds: int) -> Probe:
    return Probe(
        http_get=HttpGetAction(path=path, port="http"),
        initial_delay_seconds=initial_delay_seconds,
        period_seconds=period_seconds,
        # One worker answers one request at a time: a probe may wait behind a large one.
        timeout_seconds=5,
        failure_threshold=3,
    )


def _cache(options: GraphOptions) -> Volume:
    if options.cache_claim:
        return Volume(name=CACHE, persistent_volume_claim=ClaimVolume(claim_name=options.cache_claim))
    return Volume(name=CACHE, empty_dir=EmptyDir())


def _scratch(container: str) -> str:
    return f"tmp-{container}"


def _scales(options: GraphOptions) -> bool:
    return options.max_replicas > options.replicas


def _hpa(options: GraphOptions) -> HpaSpec:
    target = MetricTarget(type="Utilization", average_utilization=options.cpu_utilisation_percent)
    return HpaSpec(
        min_replicas=options.replicas,
        max_replicas=options.max_replicas,
        metricsv2=[Metric(type="Resource", resource=ResourceMetric(name="cpu", target=target))],
    )
