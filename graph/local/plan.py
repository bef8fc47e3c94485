"""What the local runner starts for a SeldonDeployment: one command, environment and probe for each graph container."""

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graph.engine.config import LOOPBACK
from graph.errors import UsageError
from graph.local.free_ports import free_ports
from graph.local.process import ProcessSpec, RestartPolicy
from graph.operator.defaults import Ports, assign_ports, container_env, with_defaults
from graph.operator.executor_container import executor_env
from graph.seldon import DEFAULT_LOG_URL, ENGINE_HTTP_PORT, RANDOM_ABTEST
from graph.spec.deployment import PredictiveUnit, Predictor, SeldonDeployment
from graph.spec.pod import Container, EnvVar, Probe
from graph.validation.node_rules import needs_container

# Settings of the machine, not of the graph, without which few programs start.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
INHERITED_PREFIX = "PYTHON"

_SERVICE_URL = re.compile(r"https?://[^/:]+\.svc(\.cluster\.local)?(:\d+)?(/.*)?")
_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_][A-Za-z0-9_]*)\))")


@dataclass(frozen=True, kw_only=True)
class LocalOptions:
    """How a graph is run on this machine. Times are in seconds."""

    environ: Mapping[str, str]
    """This machine's environment: variables from ConfigMaps and Secrets are looked up here by name."""
    entrypoint: Sequence[str] = (sys.executable, "-m", "model_wrapper")
    """Takes the place of the image's entry point, for containers without a command."""
    log_dir: Path
    """Where each component's output goes, to <container>.log."""
    host: str = LOOPBACK
    """Address that the engine listens on."""
    port: int = ENGINE_HTTP_PORT
    """Port that the engine listens on; 0 takes a free one."""
    free_ports: bool = False
    """Give components free ports instead of those of a cluster (9000 and up, 6000 and up)."""
    executor: Path | None = None
    """A real executor's binary to run in the place of our engine."""
    predictor: str = ""
    """Name of the predictor to run; the first if empty."""
    default_log_url: str = ""
    """Where nodes log payloads whose logger has no url, or the url of a service of the cluster; empty = nowhere."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables for all components; they override those of the SeldonDeployment."""
    passed_on: Collection[str] = ()
    """Names of variables of `environ` that all components get where the SeldonDeployment does not set them."""
    extra_processes: Sequence[ProcessSpec] = ()
    """Processes to run besides the graph, such as the sink of its logged payloads; metrics are on the probe's port."""
    working_dir: Path | None = None
    """Where components run; the caller's folder if not given."""
    start_timeout_s: float = 60.0
    """How long all components may take to become ready."""
    stop_grace_s: float = 10.0
    """How long a component may take to end before it is killed, and requests in flight to finish."""
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    """How components that die are started again."""


@dataclass(frozen=True)
class GraphPlan:
    """A predictor that is ready to be run here."""

    deployment: SeldonDeployment
    """With defaults, and endpoints on this machine."""
    predictor: Predictor
    components: list[ProcessSpec]
    ports: Mapping[str, Ports]
    """By container name."""
    executor_env: Mapping[str, str]
    """The executor's environment."""
    not_run: list[str]
    """Sidecars, init containers and the explainer, by name: only a cluster runs them."""


def plan_graph(deployment: SeldonDeployment, options: LocalOptions) -> GraphPlan:
    """What to start, with every port and variable settled.

    Raises: UsageError: no such predictor; something that only a cluster can run; variables that are missing here.
    """
    chosen = _choose(deployment, options.predictor)
    _refuse_cluster_only(deployment, chosen)
    on_cluster = {name: ports for (owner, name), ports in assign_ports(deployment).items() if owner == chosen.name}
    here = _free_ports(list(on_cluster)) if options.free_ports else on_cluster
    table = {(chosen.name, name): ports for name, ports in here.items()}
    local = with_defaults(deployment, table, LOOPBACK)
    predictor = next(each for each in local.spec.predictors if each.name == chosen.name)
    containers = [container for container in predictor.containers() if container.name in here]
    own = predictor.svc_orch_spec.env if predictor.svc_orch_spec else []
    _refuse_missing([*(variable for container in containers for variable in container.env), *own], options)
    _refuse_whole_sources(containers)
    predictor, env_of_executor = _for_executor(local, predictor, options)
    plans = []
    for container in containers:
        ports = here[container.name]
        variables = container_env(local, predictor, container, ports)
        env = _environment(variables, options, options.passed_on) | dict(options.env)
        moved = dict(zip(_numbers(on_cluster[container.name]), _numbers(ports), strict=True))
        plans.append(_component(container, ports, moved, env, options))
    return GraphPlan(local, predictor, plans, here, env_of_executor, list(_not_run(predictor, here)))


def _not_run(predictor: Predictor, here: Collection[str]) -> Iterator[str]:
    yield from (container.name for container in predictor.containers() if container.name not in here)
    for component in predictor.component_specs:
        yield from (container.name for container in (component.spec.init_containers if component.spec else ()))
    # As the operator names what it adds.
    yield from (f"{unit.name}-model-initializer" for unit in predictor.graph.walk() if unit.model_uri)
    if predictor.explainer and predictor.explainer.type:
        yield "explainer"


def _choose(deployment: SeldonDeployment, name: str) -> Predictor:
    predictors = {predictor.name: predictor for predictor in deployment.spec.predictors}
    if name and name not in predictors:
        raise UsageError(
            f"wanted one of the predictors {', '.join(predictors)}, got {name!r}; choose one of them with --predictor"
        )
    return predictors[name] if name else deployment.spec.predictors[0]


def _refuse_cluster_only(deployment: SeldonDeployment, predictor: Predictor) -> None:
    spec = deployment.spec
    for name, value, runnable in (
        ("protocol", spec.protocol, "seldon"),
        ("transport", spec.transport, "rest"),
        ("serverType", spec.server_type, "rpc"),
    ):
        if value not in (None, "", runnable):
            raise UsageError(
                f"wanted spec.{name} {runnable} for a local run, got {value!r}; run the graph on a cluster"
            )
    for unit in predictor.graph.walk():
        if not needs_container(unit) and unit.implementation != RANDOM_ABTEST:
            todo = "add a container for the node, or run the graph on a cluster"
            raise UsageError(f"{unit.name}: wanted a container for a local run, got {unit.implementation}; {todo}")


def _for_executor(
    deployment: SeldonDeployment, predictor: Predictor, options: LocalOptions
) -> tuple[Predictor, dict[str, str]]:
    """The predictor without loggers that cannot work here, and the executor's environment."""
    predictor = predictor.model_copy(update={"graph": _without_services(predictor.graph)})
    env = _environment(executor_env(deployment, predictor, options.default_log_url), options)
    if env.get(DEFAULT_LOG_URL):
        return predictor, env
    quiet = predictor.model_copy(update={"graph": _without_idle_loggers(predictor.graph)})
    return quiet, _environment(executor_env(deployment, quiet, ""), options)


def _without_services(unit: PredictiveUnit) -> PredictiveUnit:
    """A logger whose url is a service of the cluster logs to the default url here."""
    logger = unit.logger
    if logger and logger.url and _SERVICE_URL.fullmatch(logger.url):
        logger = logger.model_copy(update={"url": None})
    children = [_without_services(child) for child in unit.children]
    return unit.model_copy(update={"logger": logger, "children": children})


def _without_idle_loggers(unit: PredictiveUnit) -> PredictiveUnit:
    """Remove loggers without a url: there is no default url here, and they would fail."""
    logger = unit.logger if unit.logger and unit.logger.url else None
    return unit.model_copy(
        update={"logger": logger, "children": [_without_idle_loggers(child) for child in unit.children]}
    )


def _component(
    container: Container, ports: Ports, moved: Mapping[int, int], env: Mapping[str, str], options: LocalOptions
) -> ProcessSpec:
    command = [*(container.command or options.entrypoint), *container.args]
    probe = container.readiness_probe
    return ProcessSpec(
        name=container.name,
        command=[_expand(argument, env) for argument in command],
        env=env,
        probe_path=_probe_path(probe),
        probe_port=_probe_port(container, ports, moved),
        probe_timeout_s=float((probe and probe.timeout_seconds) or 1),
        log_path=options.log_dir / f"{container.name}.log",
        working_dir=options.working_dir,
        stop_grace_s=options.stop_grace_s,
        restarts=options.restarts,
    )


def _probe_path(probe: Probe | None) -> str:
    """The path of an HTTP probe; empty for a TCP connect, which is also what the operator adds where there is none."""
    if probe is None or probe.http_get is None:
        return ""
    return f"/{(probe.http_get.path or '/').lstrip('/')}"


def _probe_port(container: Container, ports: Ports, moved: Mapping[int, int]) -> int:
    probe = container.readiness_probe
    action = (probe.http_get or probe.tcp_socket) if probe else None
    if action is None:
        return ports.http
    if isinstance(action.port, int):
        return moved.get(action.port, action.port)
    named = {port.name: port.container_port for port in container.ports}
    return {**named, "http": ports.http, "grpc": ports.grpc, "metrics": ports.metrics}[action.port]


def _environment(variables: list[EnvVar], options: LocalOptions, passed_on: Collection[str] = ()) -> dict[str, str]:
    env = {name: value for name, value in options.environ.items() if _is_inherited(name) or name in passed_on}
    for variable in variables:
        if variable.value_from is None:
            env[variable.name] = _expand(variable.value or "", env)
        elif variable.name in options.environ:
            env[variable.name] = options.environ[variable.name]
    return env


def _is_inherited(name: str) -> bool:
    return name in INHERITED or name.startswith(INHERITED_PREFIX)


def _refuse_missing(variables: list[EnvVar], options: LocalOptions) -> None:
    known = {*options.environ, *options.env}
    missing = {
        variable.name: _source(variable)
        for variable in variables
        if variable.value_from and variable.name not in known and not _is_optional(variable)
    }
    if missing:
        names = ", ".join(f"{name} (from {source})" for name, source in sorted(missing.items()))
        raise UsageError(
            f"wanted the variables of ConfigMaps and Secrets in the environment, got no {names}; export them"
        )


def _refuse_whole_sources(containers: list[Container]) -> None:
    for container in containers:
        for index, source in enumerate(container.env_from):
            reference = source.config_map_ref or source.secret_ref
            if reference is None or not reference.optional:
                todo = "list its variables with valueFrom, or mark the source optional"
                where = f"{container.name}: envFrom[{index}]"
                raise UsageError(f"{where}: wanted single variables for a local run, got a whole source; {todo}")


def _source(variable: EnvVar) -> str:
    source = variable.value_from
    if source and source.config_map_key_ref:
        return f"ConfigMap {source.config_map_key_ref.name}"
    if source and source.secret_key_ref:
        return f"Secret {source.secret_key_ref.name}"
    return "the pod"


def _is_optional(variable: EnvVar) -> bool:
    source = variable.value_from
    reference = (source.config_map_key_ref or source.secret_key_ref) if source else None
    return bool(reference and reference.optional)


def _expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` replaced as Kubernetes does: an unknown name stays, `$$` is a dollar sign."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else env.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def _numbers(ports: Ports) -> tuple[int, int, int]:
    return ports.http, ports.grpc, ports.metrics


def _free_ports(names: list[str]) -> dict[str, Ports]:
    numbers = iter(free_ports(3 * len(names)))
    return {name: Ports(next(numbers), next(numbers), next(numbers)) for name in names}
