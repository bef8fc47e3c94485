"""How a graph on this machine is given its request log."""

from pathlib import Path

import pytest

from graph import GraphOptions, render
from graph.local.plan import plan_graph
from monitoring.request_log.errors import RequestLogUsageError
from storecast.commands.request_log_process import where, with_request_log
from storecast.commands.serve import local_options


def test_the_rendered_graph_logs_to_the_sink_that_runs_beside_it() -> None:
    options = with_request_log(local_options(Path("/home"), {}, port=8000), Path("/home"))
    (sink,) = options.extra_processes
    here = plan_graph(render(GraphOptions()), options)
    logger = here.predictor.graph.logger
    assert (logger and logger.url, logger and logger.mode) == (None, "all")
    assert here.executor_env["REQUEST_LOGGER_DEFAULT_ENDPOINT"] == f"http://127.0.0.1:{sink.probe_port}/"


def test_without_a_sink_the_rendered_graph_logs_nothing_here() -> None:
    assert plan_graph(render(GraphOptions()), local_options(Path("/home"), {}, port=0)).predictor.graph.logger is None


def test_the_sink_gets_its_own_settings_and_no_secret_of_the_registry() -> None:
    url = "postgresql://u:hunter2@db/logs"
    environ = {"STORECAST_REQUEST_LOG_URL": url, "MLFLOW_TRACKING_PASSWORD": "x", "STORECAST_LOG_LEVEL": "DEBUG"}
    options = with_request_log(local_options(Path("/home"), environ, port=0), Path("/home"))
    (sink,) = options.extra_processes
    assert dict(sink.env) == {"STORECAST_REQUEST_LOG_URL": url, "STORECAST_LOG_LEVEL": "DEBUG"}
    assert "hunter2" not in " ".join(sink.command) + where(environ, Path("/home"))


def test_a_wrong_setting_is_told_before_anything_starts() -> None:
    options = local_options(Path("/home"), {"STORECAST_REQUEST_LOG_URL": "mysql://db/x"}, port=0)
    with pytest.raises(RequestLogUsageError, match="STORECAST_REQUEST_LOG_URL"):
        with_request_log(options, Path("/home"))
