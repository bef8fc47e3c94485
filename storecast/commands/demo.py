"""`storecast demo`: every step once, on synthetic data."""

import argparse
import asyncio
import dataclasses
import datetime as dt
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fleet.names import FLEET_MODEL
from graph import SeldonDeployment
from graph.local.plan import LocalOptions
from graph.local.runner import LocalGraph, serve
from model_wrapper.contract.requests import DEFAULT_DAYS, DEFAULT_LEVEL
from storecast import exit_codes
from storecast.arguments import DEFAULT_HOME, HOME_VARIABLE, Verbs, port, positive, verb
from storecast.client import PREDICTIONS, Question, ask_graph, body_of
from storecast.commands.forecast import MAX_STORES, table
from storecast.commands.serve import deployment_of, local_options
from storecast.progress import Progress
from storecast.verbs import VERBS
from training.engines.batched import BatchedEngine
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.run import TrainingOptions, train
from training.synth import write_chain

PLOT_DAYS = 42
FIRST_DAY = dt.date(2013, 1, 1)
FALLBACK_STORE_FROM_END = 4  # the new store of a synthetic chain: no history, so the fallback answers it


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "demo",
        VERBS["demo"].summary,
        run,
        """
        storecast demo
        storecast demo --keep
        storecast demo --graph manifests/graphs/storecast-sharded.yaml
        storecast demo --stores 20 --days 400 --port 0
        """,
    )
    parser.add_argument("--stores", type=positive, default=60, metavar="N", help="number of stores")
    parser.add_argument("--days", type=positive, default=900, metavar="N", help="days of sales history")
    parser.add_argument("--port", type=port, default=8000, help="TCP port of the graph; 0 chooses a free port")
    help_graph = "SeldonDeployment file to serve (default: one router, one forecaster and the fallback)"
    parser.add_argument("--graph", type=Path, metavar="FILE", help=help_graph)
    parser.add_argument("--keep", action="store_true", help="keep the graph running until Ctrl-C")
    # Not the usual home: a demo must never change the aliases of a real registry.
    home = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME) / "demo"
    parser.add_argument(
        "--home", type=Path, default=home, metavar="FOLDER", help="folder of every file that the demo writes"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; with `--keep`, until Ctrl-C or SIGTERM."""
    begun = time.perf_counter()
    # The demo prints its own steps; of the logs, only warnings and errors are shown.
    logging.getLogger().setLevel(logging.WARNING)
    _say(1, f"write synthetic sales: {args.stores} stores, {args.days} days")
    paths = write_chain(args.home / "chain", args.stores, args.days, first=FIRST_DAY, seed=1)
    print(f"   {paths['train']}")
    _train(args.home, paths)
    deployment = deployment_of(args.graph)
    nodes = ", ".join(unit.name for unit in deployment.spec.predictors[0].graph.walk())
    _say(3, f"start the graph: {nodes}; each node is a Seldon wrapper process, and the local engine calls them")
    options = local_options(
        args.home, _machine(os.environ), port=_port(args.port), free_ports=True, uri=_uri(args.home)
    )
    question = _question(args.stores, args.days)

    def show(graph: LocalGraph) -> None:
        _show(args.home, graph, question)
        print(f"\nthe demo took {time.perf_counter() - begun:.0f} s", flush=True)
        if args.keep:
            print(f"the graph keeps running at {graph.base_url}; press Ctrl-C to stop it", flush=True)

    if args.keep:
        # The graph lives in this thread's event loop; asking it must not stop it.
        return serve(
            deployment, options, lambda graph: threading.Thread(target=show, args=(graph,), daemon=True).start()
        )
    asyncio.run(_once(deployment, options, show))
    print("all processes of the demo have stopped")
    return exit_codes.OK


async def _once(deployment: SeldonDeployment, options: LocalOptions, show: Callable[[LocalGraph], None]) -> None:
    async with LocalGraph(deployment, options) as graph:
        await asyncio.to_thread(show, graph)


def _say(step: int, text: str) -> None:
    print(f"\n{step}. {text}", flush=True)


def _uri(home: Path) -> str:
    """The demo's own registry, whatever MLFLOW_TRACKING_URI says."""
    return tracking_uri({}, home)


def _machine(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that choose another registry or fleet."""
    return {name: value for name, value in environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}


def _port(asked: int) -> int:
    """The port asked for, or a free one where something else listens there."""
    with socket.socket() as probe:
        taken = asked != 0 and probe.connect_ex(("127.0.0.1", asked)) == 0
    if taken:
        print(f"   port {asked} is in use; the graph uses a free port", flush=True)
    return 0 if taken else asked


def _train(home: Path, paths: Mapping[str, Path]) -> None:
    _say(
        2,
        "train one Prophet model per store, evaluate them on three backtest folds of 42 days, register them as a fleet",
    )
    options = TrainingOptions(paths["train"], paths["store"], paths["calendar"], home, _uri(home))
    progress = Progress()
    progress.compiling()
    try:
        result = train(options, BatchedEngine(), progress)
    finally:
        progress.close()
    scores, registered = result.backtest, result.registered
    print(f"   {result.stores.fitted} of {result.stores.total} stores have a model; the fallback forecasts the others")
    if scores and registered:  # always: it was judged, and was no dry run
        print(f"   WAPE {scores.wape:.1%}, of the naive baseline {scores.baseline_wape:.1%}", end="; ")
        print(f"{scores.stores_better_than_baseline} of {scores.stores_judged} evaluated models beat the baseline")
        print(f"   registered as {FLEET_MODEL} version {registered.version}, alias {registered.alias}", flush=True)


def _question(n_stores: int, n_days: int) -> Question:
    """Three stores, one of them without a model, over the first week of the days ahead."""
    rows = (7, 17, n_stores - FALLBACK_STORE_FROM_END)
    ids = dict.fromkeys(str(min(max(row, 1), n_stores)) for row in rows)
    return Question(tuple(ids), FIRST_DAY + dt.timedelta(days=n_days), DEFAULT_DAYS, DEFAULT_LEVEL)


def _show(home: Path, graph: LocalGraph, question: Question) -> None:
    url = graph.base_url
    _say(4, f"request forecasts of {len(question.store_ids)} stores over HTTP:")
    print(f"   curl -s {url}{PREDICTIONS} -H 'Content-Type: application/json' -d '{json.dumps(body_of(question))}'\n")
    answer = ask_graph(question, url)
    print(table(answer.rows))
    picture = home / "forecast.png"
    _say(5, "plot the forecasts and the recent sales")
    _draw(home, url, question, picture)
    print(f"   {picture}")
    _say(6, "inspect")
    for name, page in graph.metrics_urls.items():
        print(f"   metrics   {page}  ({name})")
    print(f"   logs      {graph.log_dir}")
    print(f"   MLflow    .venv/bin/mlflow ui --backend-store-uri {_uri(home)}")
    print("\nnext commands to try:")
    print(f"   .venv/bin/storecast forecast --home {home} --store 7 --days 14")
    print(f"   .venv/bin/storecast forecast --home {home} --all --days 42 --out {home / 'forecasts.csv'}")
    print(f"   .venv/bin/storecast serve --home {home}")


def _draw(home: Path, url: str, question: Question, picture: Path) -> None:
    from storecast.plot import plot  # noqa: PLC0415 - a second of imports, while the graph already answers

    longer = ask_graph(dataclasses.replace(question, n_days=PLOT_DAYS), url)
    fleet, _ = load_fleet(MlflowRegistry(_uri(home), home))
    plot(longer.rows, fleet, picture, question.level, MAX_STORES)
