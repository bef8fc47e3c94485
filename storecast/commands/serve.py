"""`storecast serve`: run a SeldonDeployment on this machine."""

import argparse
import dataclasses
import json
import os
import shlex
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import requests

from graph import GraphOptions, SeldonDeployment, render, validate
from graph.engine.config import LOOPBACK
from graph.errors import UsageError
from graph.local.plan import LocalOptions
from graph.local.runner import LocalGraph, serve
from graph.local.scrape import scrape_config
from graph.validation.documents import load
from model_wrapper.settings import Settings
from storecast.arguments import Verbs, add_home, port, verb
from storecast.commands import request_log_process
from storecast.commands.graph import COMMITTED
from storecast.verbs import VERBS
from training.registry.tracking_uri import tracking_uri

# Of Prometheus, for all pages of the running graph: prometheus --config.file=...
SCRAPE_FILE = "prometheus.yaml"
WIRED = ("shards", "shard_index", "challenger_share", "experiment", "behind_router", "unit_id", "unit_image")
WIRING = {Settings.variable_of(name) for name in WIRED}
STATUS_TIMEOUT_S = 5.0
# Credentials of a tracking server and of the store of its artifacts.
REGISTRY_PREFIXES = ("MLFLOW_", "AWS_")


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "serve",
        VERBS["serve"].summary,
        run,
        f"""
        storecast serve
        storecast serve {COMMITTED} --port 0
        storecast serve {COMMITTED.parent / "storecast-challenger.yaml"}
        storecast serve --fleet-uri models:/storecast-fleet/3
        """,
    )
    help_file = "SeldonDeployment file (default: the graph that `storecast graph render` writes)"
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=help_file)
    parser.add_argument("--port", type=port, default=8000, help="TCP port of the graph; 0 chooses free ports")
    parser.add_argument("--host", default="127.0.0.1", help="address that the graph listens on")
    parser.add_argument(
        "--predictor", default="", metavar="NAME", help="predictor of the file to run (default: the first)"
    )
    parser.add_argument("--no-request-log", action="store_true", help="do not store the answered forecasts")
    help_executor = "program file of a real Seldon executor (default: the local engine of storecast)"
    parser.add_argument("--executor", type=Path, metavar="PATH", help=help_executor)
    help_fleet = "fleet to serve: models:/NAME@ALIAS, models:/NAME/VERSION or a folder "
    help_fleet += "(default: STORECAST_FLEET_URI, or that of the file)"
    parser.add_argument("--fleet-uri", metavar="URI", help=help_fleet)
    add_home(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    deployment = deployment_of(args.file)
    options = local_options(
        args.home, os.environ, port=args.port, host=args.host, predictor=args.predictor, fleet_uri=args.fleet_uri
    )
    options = dataclasses.replace(options, executor=args.executor)
    if args.no_request_log:
        return serve(deployment, options, tell)
    options = request_log_process.with_request_log(options, args.home)
    return serve(deployment, options, partial(tell, request_log=request_log_process.where(os.environ, args.home)))


def deployment_of(path: Path | None) -> SeldonDeployment:
    """The one SeldonDeployment of a file; ours where no file is given.

    Raises: ValidationError: every problem of it.  UsageError: the file cannot be read, or has several.
    """
    if path is None:
        return render(GraphOptions())
    documents = load(path)
    if len(documents) > 1:
        raise UsageError(f"wanted one SeldonDeployment in {path}, got {len(documents)}; write each to its own file")
    return validate(documents[0])


def passed_on(environ: Mapping[str, str]) -> list[str]:
    """Variables of this machine that the components get: settings, and what the registry's client needs.

    Not the settings that wire the graph: those are the SeldonDeployment's to make.
    """
    settings = {Settings.variable_of(name) for name in Settings.model_fields} - WIRING
    return [name for name in environ if name in settings or name.startswith(REGISTRY_PREFIXES)]


def local_options(
    home: Path,
    environ: Mapping[str, str],
    *,
    port: int,
    host: str = "127.0.0.1",
    predictor: str = "",
    fleet_uri: str | None = None,
    uri: str | None = None,
    free_ports: bool = False,
) -> LocalOptions:
    """How the graph runs on this machine: the registry and the cache of `home`, and logs below it.

    Args: environ: may choose another registry, cache or fleet.  fleet_uri: wins over it.
    """
    cache, fleet = Settings.variable_of("cache_dir"), Settings.variable_of("fleet_uri")
    overrides = {cache: environ.get(cache) or str(home.absolute() / "cache")}
    overrides[Settings.variable_of("bind_host")] = LOOPBACK
    given = {fleet: fleet_uri, Settings.variable_of("challenger_uri"): None}
    overrides |= {name: asked or environ[name] for name, asked in given.items() if asked or environ.get(name)}
    return LocalOptions(
        environ={**environ, "MLFLOW_TRACKING_URI": uri or tracking_uri(environ, home)},
        log_dir=home.absolute() / "logs",
        host=host,
        port=port,
        free_ports=free_ports or port == 0,
        predictor=predictor,
        env=overrides,
        passed_on=passed_on(environ),
    )


def tell(graph: LocalGraph, request_log: str = "") -> None:
    """Print every address of the running graph, and commands to try."""
    print(f"predictions  {graph.base_url}/api/v1.0/predictions")
    for name, url in graph.metrics_urls.items():
        print(f"metrics      {url}   ({name})")
    scrape = graph.log_dir / SCRAPE_FILE
    scrape.write_text(scrape_config("storecast", graph.metrics_urls))
    print(f"scrape       {scrape}")
    print(f"logs         {graph.log_dir}")
    if request_log:
        print(f"request log  {request_log}")
    store_id = first_store(graph.component_urls.values()) or "STORE"
    asked = json.dumps({"jsonData": {"storeId": store_id}}, ensure_ascii=False)
    print(
        "\nrequest a forecast:\n"
        f"  storecast forecast --store {shlex.quote(store_id)} --url {graph.base_url}\n"
        f"  curl -s {graph.base_url}/api/v1.0/predictions -H 'Content-Type: application/json' \\\n"
        f"       -d {shlex.quote(asked)}\n"
        "Press Ctrl-C to stop the graph.",
        flush=True,
    )


def first_store(component_urls: Iterable[str]) -> str | None:
    """The first store of the fleet that is served; None where no component tells of one, as others' components."""
    for url in component_urls:
        try:
            told = requests.get(f"{url}/health/status", timeout=STATUS_TIMEOUT_S).json()
            return str(told["jsonData"]["fleet"]["firstStore"])
        except (requests.RequestException, LookupError, TypeError):
            continue
    return None
