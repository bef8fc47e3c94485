"""Rules about the nodes of a graph: those of the webhook, and those that only a request would find out."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from graph.operator.defaults import NO_IMPLEMENTATION
from graph.seldon import RANDOM_ABTEST
from graph.spec.deployment import Parameter, PredictiveUnit, Predictor
from graph.spec.names import MAX_NODE_NAME, is_label
from graph.validation.problem import Problem, show

TYPES = ("MODEL", "ROUTER", "COMBINER", "TRANSFORMER", "OUTPUT_TRANSFORMER")
METHODS = ("TRANSFORM_INPUT", "TRANSFORM_OUTPUT", "ROUTE", "AGGREGATE", "SEND_FEEDBACK")
LOGGER_MODES = ("request", "response", "all")
SELDON_SERVERS = ("SKLEARN_SERVER", "XGBOOST_SERVER", "MLFLOW_SERVER", "TENSORFLOW_SERVER")
V2_SERVERS = ("TRITON_SERVER", "HUGGINGFACE_SERVER", "TEMPO_SERVER")
SERVERS = SELDON_SERVERS + V2_SERVERS
NOT_FOR_TENSORFLOW = ("SKLEARN_SERVER", "XGBOOST_SERVER", "MLFLOW_SERVER", "HUGGINGFACE_SERVER")
MAX_DEPTH = 10

_BOOLS = {"y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"}
_PARAMETER_PARSERS: dict[str, Callable[[str], object]] = {"INT": int, "FLOAT": float, "DOUBLE": float, "STRING": str}


def node_problems(predictor: Predictor, path: str, protocol: str) -> Iterator[Problem]:
    """Everything wrong with the graph of `predictor`, which stands at `path` in its document."""
    containers = {container.name for container in predictor.containers()}
    seen: dict[str, str] = {}
    for unit, where, depth in walk_with_paths(predictor.graph, f"{path}.graph"):
        if unit.name in seen:
            todo = "rename one: routing and feedback find nodes by name"
            yield Problem(
                f"{where}.name", "a unique name in the graph", f"{unit.name!r}, as in {seen[unit.name]}", todo
            )
        seen.setdefault(unit.name, where)
        if depth == MAX_DEPTH + 1:
            todo = "make the graph flatter: the API server silently drops deeper nodes"
            yield Problem(where, f"at most {MAX_DEPTH} levels below the root", f"level {depth}", todo)
        for rule in (_name, _type, _methods, _calls, _children, _ab_test, _logger, _parameters):
            yield from rule(unit, where)
        yield from _implementation(unit, where, protocol)
        yield from _container(unit, where, containers)


def walk_with_paths(unit: PredictiveUnit, path: str, depth: int = 0) -> Iterator[tuple[PredictiveUnit, str, int]]:
    """This node and all below it, with their paths in the document and levels below the root."""
    yield unit, path, depth
    for index, child in enumerate(unit.children):
        yield from walk_with_paths(child, f"{path}.children[{index}]", depth + 1)


def needs_container(unit: PredictiveUnit) -> bool:
    """Whether the node runs in a container that the SeldonDeployment itself must bring."""
    return unit.implementation in {None, "", NO_IMPLEMENTATION}


def _name(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    if not is_label(unit.name, longest=MAX_NODE_NAME):
        wanted = f"at most {MAX_NODE_NAME} lower-case letters, digits and inner hyphens"
        yield Problem(f"{path}.name", wanted, show(unit.name), "rename the node and its container")


def _type(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    if unit.type == "UNKNOWN_TYPE" and not unit.methods:
        yield Problem(f"{path}.type", "a known type, or methods", "only 'UNKNOWN_TYPE'", "set the type or the methods")
    elif unit.type not in (None, "", "UNKNOWN_TYPE", *TYPES):
        todo = "correct it: the executor never calls a node with an unknown type"
        yield Problem(f"{path}.type", _one_of(TYPES), show(unit.type), todo)


def _methods(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    for index, method in enumerate(unit.methods):
        if method not in METHODS:
            yield Problem(f"{path}.methods[{index}]", _one_of(METHODS), show(method), "correct it: it is never called")


def _calls(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    if unit.type == "MODEL" and "TRANSFORM_INPUT" in unit.methods:
        todo = "use the type TRANSFORMER, or remove the method: the executor would never call predict"
        yield Problem(f"{path}.methods", "a MODEL without TRANSFORM_INPUT", "both", todo)


def _children(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    routes = unit.type == "ROUTER" or "ROUTE" in unit.methods
    merges = unit.type == "COMBINER" or "AGGREGATE" in unit.methods
    if (routes or merges) and not unit.children:
        todo = "add the child nodes: without children, it is never called"
        yield Problem(f"{path}.children", "at least one child of a router or combiner", "none", todo)
    passes_on = unit.type in {None, "", "UNKNOWN_TYPE", "MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER"}
    if len(unit.children) > 1 and passes_on and not (routes or merges or unit.implementation == RANDOM_ABTEST):
        todo = "make the node a ROUTER or a COMBINER: all children would run, and only the first answer would be used"
        yield Problem(f"{path}.children", "one child, or a node that routes or combines", str(len(unit.children)), todo)


def _ab_test(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    if unit.implementation != RANDOM_ABTEST:
        return
    if len(unit.children) != 2:  # noqa: PLR2004 - A and B
        todo = "give it two children: with fewer, the executor crashes on half of the requests"
        yield Problem(f"{path}.children", f"two children for {RANDOM_ABTEST}", str(len(unit.children)), todo)
    ratio = [each for each in unit.parameters if each.name == "ratioA"]
    if unit.parameters and (len(unit.parameters) > 1 or not ratio):
        todo = "remove the others: with them, the executor ignores ratioA and uses 0.5"
        yield Problem(
            f"{path}.parameters", "only ratioA, or no parameter", ", ".join(p.name for p in unit.parameters), todo
        )
    if ratio and not _is_share(ratio[0].value):
        where = f"{path}.parameters[{unit.parameters.index(ratio[0])}].value"
        yield Problem(where, "a share from 0 to 1", show(ratio[0].value), "correct it: every request would fail")


def _logger(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    if unit.logger is None:
        return
    if unit.logger.mode not in LOGGER_MODES:
        todo = "correct it: with another mode, nothing is logged"
        yield Problem(f"{path}.logger.mode", _one_of(LOGGER_MODES), show(unit.logger.mode), todo)
    if unit.logger.url and not _is_http_url(unit.logger.url):
        todo = "correct it, or remove it to use the executor's default: with an invalid URL, every request fails"
        yield Problem(f"{path}.logger.url", "an http or https URL with a host and no password", "another URL", todo)


def _parameters(unit: PredictiveUnit, path: str) -> Iterator[Problem]:
    for index, parameter in enumerate(unit.parameters):
        where = f"{path}.parameters[{index}]"
        if parameter.type not in (*_PARAMETER_PARSERS, "BOOL"):
            wanted = _one_of((*_PARAMETER_PARSERS, "BOOL"))
            yield Problem(f"{where}.type", wanted, show(parameter.type), "correct it: the component would not start")
        elif not _parses(parameter):
            todo = "correct it: the component would not start"
            yield Problem(f"{where}.value", f"a value of type {parameter.type}", show(parameter.value), todo)
        if parameter.name in [before.name for before in unit.parameters[:index]]:
            yield Problem(f"{where}.name", "a unique name", show(parameter.name), "remove one of the two")


def _implementation(unit: PredictiveUnit, path: str, protocol: str) -> Iterator[Problem]:
    if needs_container(unit) or unit.implementation == RANDOM_ABTEST:
        return
    where = f"{path}.implementation"
    if unit.implementation not in SERVERS:
        todo = "correct it, or remove it and add a container: Seldon has no other implementation"
        yield Problem(where, _one_of((RANDOM_ABTEST, *SERVERS)), show(unit.implementation), todo)
        return
    if not unit.model_uri and unit.implementation != "HUGGINGFACE_SERVER":
        yield Problem(f"{path}.modelUri", f"the place of the model of {unit.implementation}", "nothing", "add modelUri")
    if protocol == "tensorflow" and unit.implementation in NOT_FOR_TENSORFLOW:
        yield Problem(where, "a server with the protocol tensorflow", show(unit.implementation), "change spec.protocol")
    if protocol == "seldon" and unit.implementation in V2_SERVERS:
        yield Problem(where, "a server with the protocol seldon", show(unit.implementation), "set spec.protocol to v2")


def _container(unit: PredictiveUnit, path: str, containers: set[str]) -> Iterator[Problem]:
    if needs_container(unit) and unit.name not in containers:
        got = ", ".join(sorted(containers)) or "no container"
        todo = "add the container, or correct one of the names: a node and its container have the same name"
        yield Problem(f"{path}.name", f"a container named {unit.name!r} in componentSpecs", got, todo)


def _parses(parameter: Parameter) -> bool:
    if parameter.type == "BOOL":
        return parameter.value.lower() in _BOOLS
    try:
        _PARAMETER_PARSERS[parameter.type](parameter.value)
    except ValueError:
        return False
    return True


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.password is None
    except ValueError:
        return False


def _one_of(words: tuple[str, ...]) -> str:
    return f"one of {', '.join(words)}"
