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


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "train",
        VERBS["train"].summary,
        run,
        """
        storecast train --data train.csv.gz --stores store.csv --calendar calendar.csv.gz
        storecast train --data sales.parquet --mapping columns.toml --test-days 28
        storecast train --data train.csv --stores store.csv --calendar calendar.csv --register-stores 4,17
        storecast train --data sales.sql --runner joblib --workers 4 --dry-run
        RAY_ADDRESS=head:6379 storecast train --data partitions/ --stores store.csv --runner ray --home /shared/run
        """,
    )
    _add_tables(parser)
    parser.add_argument("--engine", choices=list(ENGINES), default="batched", help="stan is stock Prophet (batched)")
    parser.add_argument("--runner", choices=RUNNERS, help="where to fit: here, on all cores, on Ray (joblib)")
    parser.add_argument("--workers", type=positive, help="processes that fit (one a core)")
    parser.add_argument(
        "--test-days", type=not_negative, default=42, help="days each backtest looks ahead; 0: none (42)"
    )
    parser.add_argument("--folds", type=positive, default=3, help="cutoffs of the backtest, one horizon apart (3)")
    parser.add_argument("--growth", choices=["linear", "flat"], default="linear", help="shape of the trend (linear)")
    parser.add_argument("--transform", choices=["log1p", "identity"], default="log1p", help="scale of the fit (log1p)")
    parser.add_argument("--max-failed-share", type=share, default=0.1, help="share of stores that may fail (0.1)")
    parser.add_argument(
        "--negatives",
        choices=NEGATIVES,
        default="refuse",
        help="days with negative sales, such as returns: refuse, take for 0, or leave out (refuse)",
    )
    _add_champion_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="read, fit and judge, but register nothing")
    add_home(parser)


def _add_tables(parser: argparse.ArgumentParser) -> None:
    """What is trained on, and what its columns mean."""
    parser.add_argument(
        "--data", type=Path, required=True, help="sales history: CSV (also .gz), Parquet, partitions, or .sql"
    )
    parser.add_argument("--stores", type=Path, help="store table: id and attributes to group stores by")
    parser.add_argument("--calendar", type=Path, help="the days ahead: opening, promotions, holidays")
    parser.add_argument(
        "--mapping",
        type=Path,
        help="TOML file that names the columns, as shown below (Kaggle's Rossmann names: Store, Date, Sales, Open, "
        "Promo, StateHoliday, SchoolHoliday)",
    )
    parser.epilog = f"{parser.epilog}\nthe mapping file:\n{textwrap.indent(mapping.__doc__ or '', '  ')}"


def _add_champion_options(parser: argparse.ArgumentParser) -> None:
    """What the champion of the registry means to a training, and what is registered beside it."""
    parser.add_argument(
        "--register-stores",
        action="append",
        default=[],
        metavar="IDS",
        help="stores to register as stock Prophet models too: 4,17; may be repeated; an id that has a comma stands "
        "alone, or in double quotes",
    )
    parser.add_argument(
        "--refit",
        choices=["changed", "all"],
        default="changed",
        help="stores known as they were keep the champion's parameters, or are fitted again (changed)",
    )
    parser.add_argument(
        "--gate-margin",
        type=share_or_none,
        default=MARGIN,
        help=f"share of the champion's WAPE that the new fleet may be worse by; none: no gate ({MARGIN})",
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
