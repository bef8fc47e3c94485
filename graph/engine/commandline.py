"""The engine's configuration, from the flags and the environment variables of the real executor.

Source: executor/cmd/executor/main.go of Seldon Core 1.17.1; the defaults are the executor's own, not the operator's.
"""

import argparse
import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pydantic

from graph.engine.config import DEFAULT_CORS_HEADERS, EngineConfig
from graph.engine.telemetry.tracing import Tracing
from graph.errors import UsageError
from graph.seldon import DEFAULT_LOG_URL, PREDICTOR, ROUTING_INJECTION
from graph.spec.deployment import Predictor, SeldonDeployment
from graph.validation.documents import load

_DESCRIPTION = f"""Serve the graph of one predictor on this machine, as the executor of Seldon Core 1.17.1 does.

The flags, their defaults and the environment variables are those of the executor. The predictor is in --file, or as
JSON in base64 in the environment variable {PREDICTOR}."""
_EXAMPLES = """examples:
  python -m graph.engine --sdep storecast --namespace storecast --predictor main \\
      --file manifests/graphs/storecast.yaml --http_port 8000
"""
_MEANINGS = {
    "sdep": "name of the SeldonDeployment; required",
    "namespace": "namespace of the SeldonDeployment; required",
    "predictor": "name of the predictor; required",
    "file": "YAML file with the SeldonDeployment",
    "prometheus_path": "path of the metrics page",
    "hostname": "host name in the source of logged events; the engine listens on loopback only",
    "log_level": "accepted, but ignored",
    "protocol": "protocol of the payloads; nothing else is supported",
    "transport": "transport of the requests; nothing else is supported",
    "server_type": "type of the server; nothing else is supported",
    "http_port": "TCP port to listen on; 0 chooses a free port",
    "grpc_port": "accepted, but ignored",
    "logger_workers": "number of workers that send logged payloads",
    "log_work_buffer_size": "highest number of payloads that wait to be logged",
    "log_write_timeout_ms": "longest wait for room in that buffer, in milliseconds",
    "full_health_checks": "check the health of every node by HTTP, not only that its port is open",
    "debug": "accepted, but ignored",
    "graceful_timeout": "longest time for running requests after SIGTERM, such as 15s",
    "shutdown_delay": "delay between SIGTERM and the shutdown, such as 5s",
}
_NAMES = ("sdep", "namespace", "predictor")
# The protocols supported here; the executor also has tensorflow, v2 and kfserving, grpc, and kafka.
_SPOKEN = {"protocol": "seldon", "transport": "rest", "server_type": "rpc"}
_TEXTS = {"file": "", "prometheus_path": "/metrics", "hostname": "", "log_level": "INFO", **_SPOKEN}
_NUMBERS = {
    "http_port": 8080,
    "grpc_port": 5000,
    "logger_workers": 10,
    "log_work_buffer_size": 10_000,
    "log_write_timeout_ms": 2000,
}
_SWITCHES = ("full_health_checks", "debug")
_DURATIONS = {"graceful_timeout": "15s", "shutdown_delay": "0s"}
_DURATION = re.compile(r"(?:[0-9.]+(?:h|m|s|ms|us|ns))+|0")
_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"wanted valid flags of the executor, got an error: {message}; correct the flags")


def engine_config(
    arguments: Sequence[str], environ: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> EngineConfig:
    """The configuration that the executor would take from these flags and this environment.

    Args:    annotations: of the pod.
    Raises:  UsageError: the executor would not start, or would use a protocol that the engine does not support.
    """
    flags = _parser().parse_args(arguments)
    for name in _NAMES:
        if not getattr(flags, name):
            raise UsageError(f"wanted --{name}, got nothing; add it: the executor does not start without it")
    for name, spoken in _SPOKEN.items():
        if getattr(flags, name) != spoken:
            raise UsageError(
                f"wanted --{name} {spoken}, got {getattr(flags, name)!r}; the local engine supports nothing else"
            )
    return EngineConfig(
        predictor=_predictor(flags, environ),
        deployment=flags.sdep,
        namespace=flags.namespace,
        port=flags.http_port,
        hostname=flags.hostname,
        prometheus_path=flags.prometheus_path,
        annotations=annotations or {},
        cors_origins=environ.get("CORS_ALLOWED_ORIGINS", "*"),
        cors_headers=environ.get("CORS_ALLOWED_HEADERS", DEFAULT_CORS_HEADERS),
        default_log_url=environ.get(DEFAULT_LOG_URL, ""),
        full_health_checks=flags.full_health_checks,
        # Any text switches it on, "false" too.
        routing_injection=bool(environ.get(ROUTING_INJECTION)),
        tracing=_tracing(environ),
        log_workers=flags.logger_workers,
        log_queue_size=flags.log_work_buffer_size,
        log_write_timeout_ms=flags.log_write_timeout_ms,
        graceful_timeout_s=flags.graceful_timeout,
        shutdown_delay_s=flags.shutdown_delay,
    )


def _parser() -> _Parser:
    parser = _Parser(prog="python -m graph.engine", allow_abbrev=False, description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name in _NAMES:
        parser.add_argument(f"--{name}", default="", metavar="NAME", help=_MEANINGS[name])
    for name, text in _TEXTS.items():
        parser.add_argument(f"--{name}", default=text, metavar="TEXT", help=_meaning(name, text))
    for name, number in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=number, metavar="N", help=_meaning(name, number))
    for name in _SWITCHES:
        help_switch = _meaning(name, "false")
        parser.add_argument(
            f"--{name}", type=_switch, nargs="?", const=True, default=False, metavar="true|false", help=help_switch
        )
    for name, duration in _DURATIONS.items():
        help_duration = _meaning(name, duration)
        parser.add_argument(f"--{name}", type=_seconds, default=duration, metavar="DURATION", help=help_duration)
    return parser


def _meaning(name: str, default: str | int) -> str:
    return f"{_MEANINGS[name]} (default: {default})" if default != "" else _MEANINGS[name]


def _predictor(flags: argparse.Namespace, environ: Mapping[str, str]) -> Predictor:
    try:
        return _from_file(flags) if flags.file else Predictor.from_wire(_decoded(environ))
    except pydantic.ValidationError as error:
        raise UsageError(f"wanted a valid predictor, got one that cannot be read: {error}; correct it") from error


def _decoded(environ: Mapping[str, str]) -> dict[str, Any]:
    text = environ.get(PREDICTOR, "")
    if not text:
        raise UsageError(f"wanted a graph in {PREDICTOR}, got nothing; set the variable, or use --file")
    try:
        document = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"wanted JSON in base64 in {PREDICTOR}, got an error: {error}; encode it again") from error
    if not isinstance(document, dict):
        raise UsageError(f"wanted a predictor in {PREDICTOR}, got a {type(document).__name__}; encode a predictor")
    return document


def _from_file(flags: argparse.Namespace) -> Predictor:
    found = [SeldonDeployment.from_wire(document) for document in load(flags.file)]
    predictors = {each.name: each for deployment in found for each in deployment.spec.predictors}
    if flags.predictor not in predictors:
        raise UsageError(
            f"wanted one of the predictors {', '.join(predictors)}, got {flags.predictor!r}; correct --predictor"
        )
    return predictors[flags.predictor]


def _tracing(environ: Mapping[str, str]) -> Tracing:
    if environ.get("JAEGER_DISABLED", "") in _TRUE:
        return Tracing.OFF
    return Tracing.B3 if environ.get("JAEGER_TRACE_PROPAGATION_TYPE") == "b3" else Tracing.JAEGER


def _switch(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise argparse.ArgumentTypeError(f"wanted true or false, got {text!r}")
    return text in _TRUE


def _seconds(text: str) -> float:
    """A duration as Go writes it: `500ms`, `1m30s`."""
    if _DURATION.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"wanted a duration such as 15s or 500ms, got {text!r}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(r"([0-9.]+)(h|ms|m|us|ns|s)", text))
