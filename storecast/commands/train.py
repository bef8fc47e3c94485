"""`storecast train`: from tables to a registered fleet."""

import argparse
import json
import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from storecast import exit_codes
from storecast.arguments import Verbs, add_home, not_negative, positive, share, share_or_none, verb
from storecast.progress import Progress
from storecast.verbs import VERBS
from training.champion.fleet_gate import MARGIN
from training.checks.returns import NEGATIVES
from training.engines.batched import BatchedEngine
from training.engines.engine import Engine
from training.engines.stan import StanEngine
from training.errors import DataError, TooManyFailuresError
from training.pooling.variants import STEADY, VARIANTS
from training.registry.tracking_uri import tracking_uri
from training.run import TrainingOptions
from training.run import train as train_chain
from training.sources import mapping
from training.sources.mapping import ROSSMANN, read_mapping
from training.workers.runners import RUNNERS, Runner, runner_of

ENGINES: dict[str, Callable[[int | None], Engine]] = {"batched": lambda _: BatchedEngine(), "stan": StanEngine}

_EXAMPLES = """
        storecast train --data train.csv.gz --stores store.csv --calendar calendar.csv.gz
        storecast train --data sales.parquet --mapping columns.toml --test-days 28
        storecast train --data train.csv --stores store.csv --calendar calendar.csv --register-stores 4,17
        storecast train --data sales.sql --runner joblib --workers 4 --dry-run
        RAY_ADDRESS=head:6379 storecast train --data partitions/ --stores store.csv --runner ray --home /shared/run
        """


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "train",
        VERBS["train"].summary,
        run,
        _EXAMPLES,
    )
    _add_tables(parser)
    help_engine = "how to fit: batched fits all stores at once, stan fits each store with stock Prophet"
    parser.add_argument("--engine", choices=list(ENGINES), default="batched", help=help_engine)
    help_runner = (
        "where to fit: in this process (inprocess), in several processes of this machine (joblib), or on a Ray "
    )
    help_runner += "cluster (ray) (default: joblib; with --engine stan: inprocess)"
    parser.add_argument("--runner", choices=RUNNERS, help=help_runner)
    help_workers = "number of processes that fit (default: one per core)"
    parser.add_argument("--workers", type=positive, metavar="N", help=help_workers)
    help_days = "days that each backtest fold forecasts; 0: no backtest"
    parser.add_argument("--test-days", type=not_negative, default=42, metavar="N", help=help_days)
    help_folds = "number of backtest folds; their cutoffs are --test-days apart"
    parser.add_argument("--folds", type=positive, default=3, metavar="N", help=help_folds)
    parser.add_argument(
        "--growth",
        choices=["linear", "flat"],
        default="linear",
        help="trend of the models: linear, with changepoints, or flat",
    )
    help_transform = "scale on which sales are fitted: their logarithm, log(1 + sales), or the sales themselves"
    parser.add_argument("--transform", choices=["log1p", "identity"], default="log1p", help=help_transform)
    help_share = "highest share of stores that may fail, 0 to 1; above it, nothing is registered"
    parser.add_argument("--max-failed-share", type=share, default=0.1, metavar="SHARE", help=help_share)
    help_negatives = "days with negative sales, such as returns: refuse the input, use 0, or drop these days"
    parser.add_argument("--negatives", choices=NEGATIVES, default="refuse", help=help_negatives)
    _add_champion_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="read, fit and evaluate, but register nothing")
    add_home(parser)


def _add_tables(parser: argparse.ArgumentParser) -> None:
    """The options of the input tables and their columns."""
    help_data = "sales history: CSV (also .gz), Parquet, a folder of `storecast partition`, or a .sql file with a query"
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help=help_data)
    help_stores = "store table: ids, and attributes that group similar stores"
    parser.add_argument("--stores", type=Path, metavar="FILE", help=help_stores)
    help_calendar = "opening, promotions and holidays of the days ahead"
    parser.add_argument("--calendar", type=Path, metavar="FILE", help=help_calendar)
    help_mapping = "TOML file with your column names, as shown below (default: those of Kaggle's Rossmann data: Store, "
    help_mapping += "Date, Sales, Open, Promo, StateHoliday, SchoolHoliday)"
    parser.add_argument("--mapping", type=Path, metavar="FILE", help=help_mapping)
    parser.epilog = f"{parser.epilog}\nthe mapping file:\n{textwrap.indent(mapping.__doc__ or '', '  ')}"


def _add_champion_options(parser: argparse.ArgumentParser) -> None:
    """The options of the comparison with the champion, and of the store models."""
    parser.add_argument(
        "--register-stores",
        action="append",
        default=[],
        metavar="IDS",
        help="ids of stores to register as separate stock Prophet models, too, such as 4,17; may be repeated; put an "
        "id that contains a comma in double quotes",
    )
    parser.add_argument(
        "--refit",
        choices=["changed", "all"],
        default="changed",
        help="stores to fit: those whose data or settings changed since the champion (the others keep its parameters), "
        "or all",
    )
    parser.add_argument(
        "--gate-margin",
        type=share_or_none,
        default=MARGIN,
        metavar="SHARE",
        help="how much higher the WAPE of the new fleet may be, as a share of the champion's, to become the champion; "
        "none: no comparison",
    )


def run(args: argparse.Namespace) -> int:
    """Train, and print one JSON result."""
    progress = Progress()
    if args.engine == "batched":
        progress.compiling()
    try:
        result = train_chain(_options(args), ENGINES[args.engine](args.workers), progress)
    except (DataError, TooManyFailuresError) as error:
        _print(error.result or {"error": str(error)})
        raise
    finally:
        progress.close()
    _print(result.to_plain())
    return exit_codes.SOME_FAILED if result.stores.failed else exit_codes.OK


def _options(args: argparse.Namespace) -> TrainingOptions:
    return TrainingOptions(
        data=args.data,
        stores=args.stores,
        calendar=args.calendar,
        home=args.home,
        tracking_uri=tracking_uri(os.environ, args.home),
        mapped=read_mapping(args.mapping) if args.mapping else ROSSMANN,
        test_days=args.test_days,
        n_folds=args.folds,
        variants=VARIANTS if args.engine == "batched" else (STEADY,),
        growth=args.growth,
        transform=args.transform,
        register_stores=tuple(args.register_stores),
        max_failed_share=args.max_failed_share,
        negatives=args.negatives,
        gate_margin=args.gate_margin,
        refit=args.refit,
        dry_run=args.dry_run,
        runner=_runner(args),
    )


def _print(result: Mapping[str, Any]) -> None:
    print(json.dumps(dict(result), indent=1, allow_nan=False))


def _runner(args: argparse.Namespace) -> Runner:
    # Stock Prophet has its own pool, which also spreads the few partitions of a small chain.
    return runner_of(args.runner or ("inprocess" if args.engine == "stan" else "joblib"), args.workers, os.environ)
