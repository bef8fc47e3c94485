"""Starts a component: the bridge for protobuf, logs, safe defaults, then Seldon's own microservice."""

import logging
import sys
from collections.abc import MutableMapping, Sequence

from model_wrapper import logs
from model_wrapper.errors import ConfigError
from model_wrapper.seldon import gunicorn_logs, protobuf_bridge, worker_start
from model_wrapper.settings import EVERY_ADDRESS, Settings

logger = logging.getLogger(__name__)

CLASS_VARIABLE = "MODEL_NAME"
PACKAGE = "model_wrapper"
_LEVEL_VARIABLE = "SELDON_LOG_LEVEL"
DEFAULTS = {
    "GRPC_WORKERS": "0",  # with a gRPC worker SIGTERM never ends the main process; it also costs one more fleet
    "GUNICORN_THREADS": "2",  # with one, every answer closes its connection, and a probe waits behind a large request
    "GUNICORN_KEEPALIVE": "100",  # the executor drops an idle connection after 90 s: it must be the first to
    "INCLUDE_METRICS_IN_CLIENT_RESPONSE": "false",  # counts are for Prometheus, not for every client
}


def interface_of(arguments: Sequence[str], environ: MutableMapping[str, str]) -> tuple[str, list[str]]:
    """Find the class to serve: the first argument, or `MODEL_NAME`; a bare name of ours gets our package.

    Returns: the dotted path that Seldon's loader wants, and the arguments that are left for it.
    Raises:  ConfigError: no class is named.
    """
    rest = list(arguments)
    name = rest.pop(0) if rest and not rest[0].startswith("-") else environ.get(CLASS_VARIABLE, "")
    if not name:
        raise ConfigError(f"Wanted a class to serve, such as StoreForecaster, as an argument or in {CLASS_VARIABLE}.")
    return (name if "." in name else f"{PACKAGE}.{name}"), rest


def prepare(environ: MutableMapping[str, str]) -> Settings:
    """Set what must stand before `seldon_core` is imported, and configure the logs.

    Raises: ConfigError: a setting cannot be used.
    """
    settings = Settings.from_env(environ)
    for name, value in DEFAULTS.items():
        environ.setdefault(name, value)
    environ[_LEVEL_VARIABLE] = environ.get(_LEVEL_VARIABLE, settings.log_level).upper()
    if environ[_LEVEL_VARIABLE] not in logging.getLevelNamesMapping():
        raise ConfigError(f"{_LEVEL_VARIABLE}: wanted INFO or another level, got {environ[_LEVEL_VARIABLE]!r}.")
    logs.configure(environ[_LEVEL_VARIABLE], settings.unit_id)
    protobuf_bridge.install()
    return settings


def configure_gunicorn(bind_host: str) -> None:
    """Change gunicorn's defaults where Seldon's wrapper sets none: no control socket, our log lines, our watch.

    Seldon's wrapper listens on every address; where another is wanted, gunicorn hears that one.
    """
    from gunicorn import config  # noqa: PLC0415

    from model_wrapper.seldon import keep_alive_worker  # noqa: PLC0415

    # The socket would be opened under $HOME, which a read-only container does not have.
    config.ControlSocketDisable.default = True
    config.LoggerClass.default = gunicorn_logs.CLASS_PATH
    config.WorkerClass.default = keep_alive_worker.CLASS_PATH
    config.Postfork.default = staticmethod(worker_start.watch)
    accept = config.Bind.validator
    config.Bind.validator = staticmethod(
        lambda bind: [address.replace(EVERY_ADDRESS, bind_host) for address in accept(bind)]
    )


def main(arguments: Sequence[str], environ: MutableMapping[str, str]) -> int:
    """Serve a component until SIGTERM; returns an exit code only where it could not start."""
    try:
        settings = prepare(environ)
        interface, rest = interface_of(arguments, environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    configure_gunicorn(settings.bind_host)
    worker_start.tune_malloc()
    logger.info("wrapper.starting", extra={"facts": {"component": interface, "fleet": settings.fleet_uri}})
    from seldon_core import microservice  # noqa: PLC0415 - after everything above

    from model_wrapper.metrics import shared_metrics  # noqa: PLC0415 - as above

    shared_metrics.install()
    sys.argv = ["seldon-core-microservice", interface, *rest]
    microservice.main()
    return 0
