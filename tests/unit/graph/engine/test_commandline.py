"""The executor's flags and environment, read into the engine's configuration."""

from pathlib import Path

import pytest

from graph.engine.annotations import parse
from graph.engine.commandline import engine_config
from graph.engine.config import EngineConfig
from graph.engine.telemetry.tracing import Tracing
from graph.errors import UsageError
from graph.operator.executor_container import encoded
from graph.seldon import PREDICTOR

NAMES = ["--sdep", "d", "--namespace", "n", "--predictor", "main"]
GRAPH = {PREDICTOR: encoded({"name": "main", "graph": {"name": "m", "type": "MODEL"}})}
FILE = """
kind: SeldonDeployment
metadata: {name: d}
spec:
  predictors:
    - {name: main, graph: {name: first}}
    - {name: canary, graph: {name: second}}
"""


def config(*flags: str, **environ: str) -> EngineConfig:
    return engine_config([*NAMES, *flags], {**GRAPH, **environ})


def test_the_help_explains_every_flag_and_shows_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        engine_config(["--help"], {})
    text = " ".join(capsys.readouterr().out.partition("options:")[2].split())
    assert "--http_port N TCP port to listen on; 0 chooses a free port (default: 8080)" in text
    assert (
        "--graceful_timeout DURATION longest time for running requests after SIGTERM, such as 15s (default: 15s)"
        in text
    )
    assert "examples: python -m graph.engine --sdep" in text


def test_defaults_are_the_executors_own() -> None:
    plain = config()
    assert (plain.deployment, plain.namespace, plain.port, plain.prometheus_path) == ("d", "n", 8080, "/metrics")
    assert (plain.log_workers, plain.log_queue_size, plain.log_write_timeout_ms) == (10, 10_000, 2000)
    assert (plain.graceful_timeout_s, plain.shutdown_delay_s, plain.full_health_checks) == (15.0, 0.0, False)
    assert plain.tracing is Tracing.JAEGER


@pytest.mark.parametrize(
    ("flag", "switched_on"),
    [("--full_health_checks", True), ("--full_health_checks=true", True), ("--full_health_checks=false", False)],
)
def test_a_switch_stands_alone_or_with_its_value(flag: str, switched_on: bool) -> None:  # noqa: FBT001 - a table's column
    assert config(flag).full_health_checks is switched_on


def test_durations_are_read_as_go_writes_them() -> None:
    read = config("--graceful_timeout", "1m30s", "--shutdown_delay=250ms")
    assert (read.graceful_timeout_s, read.shutdown_delay_s) == (90.0, 0.25)


def test_any_text_switches_routing_injection_on() -> None:
    assert config(SELDON_ENABLE_ROUTING_INJECTION="false").routing_injection
    assert not config(SELDON_ENABLE_ROUTING_INJECTION="").routing_injection


def test_trace_headers_follow_the_tracers_own_variables() -> None:
    assert config(JAEGER_DISABLED="true").tracing is Tracing.OFF
    assert config(JAEGER_TRACE_PROPAGATION_TYPE="b3").tracing is Tracing.B3


def test_a_file_gives_the_named_predictor(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(FILE)
    flags = ["--sdep", "d", "--namespace", "n", "--file", str(path), "--predictor"]
    assert engine_config([*flags, "canary"], {}).predictor.graph.name == "second"
    with pytest.raises(UsageError, match="one of the predictors main, canary, got 'blue'"):
        engine_config([*flags, "blue"], {})


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        (["--http_port", "many"], GRAPH, "invalid int value: 'many'"),
        (["--graceful_timeout", "15"], GRAPH, "wanted a duration"),
        (["--full_health_checks=maybe"], GRAPH, "wanted true or false, got 'maybe'"),
        (["--colour", "red"], GRAPH, "unrecognized arguments: --colour red"),
        (["--server_type", "kafka"], GRAPH, "wanted --server_type rpc, got 'kafka'"),
        ([], {PREDICTOR: "W10="}, "wanted a predictor in ENGINE_PREDICTOR, got a list"),
        ([], {PREDICTOR: encoded({"name": "main"})}, "graph"),
    ],
)
def test_what_the_executor_would_not_start_with_is_told(
    flags: list[str], environ: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        engine_config([*NAMES, *flags], environ)


def test_a_pods_annotations_are_read_from_its_file() -> None:
    assert parse('a="1"\nseldon.io/rest-timeout="5000"\n') == {"a": "1", "seldon.io/rest-timeout": "5000"}
