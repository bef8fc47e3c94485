"""The request log as one more process of a graph on this machine."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from graph.engine.config import LOOPBACK
from graph.local.free_ports import free_ports
from graph.local.plan import INHERITED, INHERITED_PREFIX, LocalOptions
from graph.local.process import ProcessSpec
from model_wrapper.settings import Settings
from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.settings import RequestLogSettings
from storecast.commands.request_log import PORT

NAME = "request-log"
# What the sink needs after its last event, to close its server and its database.
_END_MARGIN_S = 5.0


def with_request_log(options: LocalOptions, home: Path) -> LocalOptions:
    """The same options, with a sink beside the graph that its loggers log to.

    Raises: RequestLogUsageError: a setting of the log is wrong.
    """
    settings = RequestLogSettings.from_env(options.environ)
    settings.database_url(home)
    port = free_ports(1)[0] if options.free_ports else PORT
    sink = ProcessSpec(
        name=NAME,
        command=[
            sys.executable,
            "-m",
            "storecast",
            "request-log",
            "serve",
            "--port",
            f"{port}",
            "--home",
            f"{home.absolute()}",
        ],
        env={name: value for name, value in options.environ.items() if _is_passed_on(name)},
        probe_path="/health",
        probe_port=port,
        log_path=options.log_dir / f"{NAME}.log",
        stop_grace_s=settings.flush_s + _END_MARGIN_S,
        restarts=options.restarts,
    )
    return replace(
        options, extra_processes=[*options.extra_processes, sink], default_log_url=f"http://{LOOPBACK}:{port}/"
    )


def where(environ: Mapping[str, str], home: Path) -> str:
    """The database of the log, as people may see it."""
    return RequestLogDatabase(RequestLogSettings.from_env(environ).database_url(home)).where


def _is_passed_on(name: str) -> bool:
    return name in {*INHERITED, Settings.variable_of("log_level")} or name.startswith(
        (INHERITED_PREFIX, RequestLogSettings.prefix)
    )
