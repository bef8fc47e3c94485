"""What the Seldon operator adds to a SeldonDeployment before anything runs: defaults, ports, environment, endpoints.

The operator does not change the object on the API server, so `kubectl get` shows none of this; only the Deployments
that it creates do.

Source: outputs of the operator 1.17.1, recorded in tests/contract/vectors/operator.json.gz.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graph.seldon import (
    FIRST_GRPC_PORT,
    FIRST_HTTP_PORT,
    FIRST_METRICS_PORT,
    HARMLESS_ENV,
    METRICS_PATH,
    MODEL_MOUNT_PATH,
    RANDOM_ABTEST,
    SEPARATE_ENGINE,
)
from graph.spec.deployment import ComponentSpec, Endpoint, PredictiveUnit, Predictor, SeldonDeployment
from graph.spec.pod import Container, EnvVar, PodSpec

NO_IMPLEMENTATION = "UNKNOWN_IMPLEMENTATION"
CONFIGURED_IMAGE = "prepackaged-server:of-the-configmap"
"""Stands for the image that the operator's ConfigMap names for a prepackaged server."""

_BUILT_IN = (NO_IMPLEMENTATION, RANDOM_ABTEST, "SIMPLE_MODEL", "SIMPLE_ROUTER", "AVERAGE_COMBINER")


@dataclass(frozen=True)
class Ports:
    """The ports of one graph container."""

    http: int
    grpc: int
    metrics: int


PortTable = Mapping[tuple[str, str], Ports]


def assign_ports(deployment: SeldonDeployment) -> dict[tuple[str, str], Ports]:
    """The ports of every graph container, by (predictor name, container name).

    HTTP and gRPC count distinct container names over all predictors, sidecars too; metrics count graph containers,
    so a second predictor's differ. A container port that is named `http`, `grpc` or `metrics` wins, but the HTTP and
    gRPC numbers that it replaces stay used. Containers that the operator adds come after those of their predictor.
    """
    offsets: dict[str, int] = {}
    table: dict[tuple[str, str], Ports] = {}
    next_metrics = FIRST_METRICS_PORT
    for predictor in deployment.spec.predictors:
        nodes = {unit.name for unit in predictor.graph.walk()}
        for container in [*predictor.containers(), *added_containers(predictor)]:
            offset = offsets.setdefault(container.name, len(offsets))
            if container.name not in nodes:
                continue
            metrics = _named_port(container, "metrics")
            table[predictor.name, container.name] = Ports(
                http=_named_port(container, "http") or FIRST_HTTP_PORT + offset,
                grpc=_named_port(container, "grpc") or FIRST_GRPC_PORT + offset,
                metrics=metrics or next_metrics,
            )
            next_metrics += metrics is None
    return table


def is_server(unit: PredictiveUnit) -> bool:
    """Whether the operator brings the node's server: any implementation but those that the executor has built in."""
    return (unit.implementation or NO_IMPLEMENTATION) not in _BUILT_IN


def added_containers(predictor: Predictor) -> list[Container]:
    """The containers that the operator adds to the first pod: of prepackaged servers for which none is written."""
    written = {container.name for container in predictor.containers()}
    names = dict.fromkeys(unit.name for unit in predictor.graph.walk() if is_server(unit) and unit.name not in written)
    return [Container(name=name, image=CONFIGURED_IMAGE) for name in names]


def with_servers(predictor: Predictor) -> Predictor:
    """The predictor with what the operator fills in for prepackaged servers: their type, containers and images."""
    servers = {unit.name for unit in predictor.graph.walk() if is_server(unit)}
    components = [_with_images(component, servers) for component in predictor.component_specs]
    added = added_containers(predictor)
    if added:
        first = components[0] if components else ComponentSpec()
        pod = first.spec or PodSpec(containers=[])
        pod = pod.model_copy(update={"containers": [*pod.containers, *added]})
        components = [first.model_copy(update={"spec": pod}), *components[1:]]
    return predictor.model_copy(
        update={"graph": _with_server_types(predictor.graph), "component_specs": components},
    )


def _with_images(component: ComponentSpec, servers: set[str]) -> ComponentSpec:
    if component.spec is None:
        return component
    containers = [
        container.model_copy(update={"image": CONFIGURED_IMAGE})
        if container.name in servers and not container.image
        else container
        for container in component.containers
    ]
    return component.model_copy(update={"spec": component.spec.model_copy(update={"containers": containers})})


def _with_server_types(unit: PredictiveUnit) -> PredictiveUnit:
    filled: dict[str, Any] = {"children": [_with_server_types(child) for child in unit.children]}
    return unit.model_copy(update=filled | ({"type": "MODEL"} if is_server(unit) else {}))


def with_defaults(deployment: SeldonDeployment, ports: PortTable | None = None, host: str = "") -> SeldonDeployment:
    """The SeldonDeployment as the executor gets to see it: types, implementations, labels and endpoints filled in.

    Args:    ports: by (predictor name, container name); the operator's own choice if not given.
             host: where all containers listen; as on a cluster if empty.
    """
    table = assign_ports(deployment) if ports is None else ports
    predictors = [_default_predictor(deployment, predictor, table, host) for predictor in deployment.spec.predictors]
    spec = deployment.spec.model_copy(update={"predictors": predictors})
    return deployment.model_copy(update={"spec": spec})


def container_env(
    deployment: SeldonDeployment, predictor: Predictor, container: Container, ports: Ports
) -> list[EnvVar]:
    """The environment of a graph container: its own first, then what the operator appends, in the operator's order.

    Args: predictor: with its defaults filled in.
    """
    unit = next(unit for unit in predictor.graph.walk() if unit.name == container.name)
    return [
        *container.env,
        *(EnvVar(name=name, value=value) for name, value in _injected(deployment, predictor, container, unit, ports)),
    ]


def _injected(
    deployment: SeldonDeployment, predictor: Predictor, container: Container, unit: PredictiveUnit, ports: Ports
) -> Iterator[tuple[str, str]]:
    over_grpc = deployment.spec.transport == "grpc"
    yield HARMLESS_ENV, str(ports.grpc if over_grpc else ports.http)
    yield "PREDICTIVE_UNIT_HTTP_SERVICE_PORT", str(ports.http)
    yield "MLSERVER_HTTP_PORT", str(ports.http)
    yield "PREDICTIVE_UNIT_GRPC_SERVICE_PORT", str(ports.grpc)
    yield "MLSERVER_GRPC_PORT", str(ports.grpc)
    if unit.parameters:
        parameters = [{"name": each.name, "value": each.value, "type": each.type} for each in unit.parameters]
        yield "PREDICTIVE_UNIT_PARAMETERS", _go_json(parameters)
    if unit.model_uri:
        yield "MLSERVER_MODEL_URI", MODEL_MOUNT_PATH
    yield "PREDICTIVE_UNIT_ID", unit.name
    yield "MLSERVER_MODEL_NAME", unit.name
    yield "PREDICTIVE_UNIT_IMAGE", container.image or ""
    yield "PREDICTOR_ID", predictor.name
    yield "PREDICTOR_LABELS", _go_json(dict(sorted(predictor.labels.items())))
    yield "SELDON_DEPLOYMENT_ID", deployment.name
    yield "SELDON_EXECUTOR_ENABLED", "true"
    yield "PREDICTIVE_UNIT_METRICS_SERVICE_PORT", str(ports.metrics)
    yield "PREDICTIVE_UNIT_METRICS_ENDPOINT", METRICS_PATH
    yield "MLSERVER_METRICS_PORT", str(ports.metrics)
    yield "MLSERVER_METRICS_ENDPOINT", METRICS_PATH


def _default_predictor(deployment: SeldonDeployment, predictor: Predictor, table: PortTable, host: str) -> Predictor:
    endpoints = _endpoints(deployment, predictor, table, host)
    return predictor.model_copy(
        update={
            "labels": {"version": predictor.name, **predictor.labels},
            "graph": _default_unit(predictor.graph, endpoints),
        }
    )


def _default_unit(unit: PredictiveUnit, endpoints: dict[str, Endpoint]) -> PredictiveUnit:
    says_nothing = not unit.type and not unit.methods and unit.implementation in {None, "", NO_IMPLEMENTATION}
    # A name that comes twice is bound once, to its first node: the operator does the same.
    endpoint = endpoints.pop(unit.name, None)
    filled: dict[str, Any] = {
        "type": "MODEL" if says_nothing else unit.type,
        "implementation": unit.implementation or NO_IMPLEMENTATION,
        "endpoint": endpoint,
    }
    if unit.children:
        filled["children"] = [_default_unit(child, endpoints) for child in unit.children]
    return unit.model_copy(update=filled)


def _endpoints(deployment: SeldonDeployment, predictor: Predictor, table: PortTable, host: str) -> dict[str, Endpoint]:
    separate = deployment.spec.annotations.get(SEPARATE_ENGINE) == "true"
    over_grpc = deployment.spec.transport == "grpc"
    found: dict[str, Endpoint] = {}
    for index, component in enumerate(predictor.component_specs):
        for container in component.containers:
            ports = table.get((predictor.name, container.name))
            if ports is None:
                continue
            near = "localhost" if index == 0 and not separate else _service_host(deployment, predictor, container)
            found[container.name] = Endpoint(
                service_host=host or near,
                service_port=ports.grpc if over_grpc else ports.http,
                http_port=ports.http,
                grpc_port=ports.grpc,
            )
    return found


def _service_host(deployment: SeldonDeployment, predictor: Predictor, container: Container) -> str:
    return f"{deployment.name}-{predictor.name}-{container.name}.{deployment.namespace}.svc.cluster.local"


def _named_port(container: Container, name: str) -> int | None:
    return next((port.container_port for port in container.ports if port.name == name), None)


def _go_json(value: Any) -> str:  # noqa: ANN401 - anything that JSON can say
    """Compact JSON as Go writes it: `<`, `>` and `&` escaped, other characters as they are."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
