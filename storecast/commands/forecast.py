"""`storecast forecast`: ask a running graph, or the registry."""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

from fleet import Fleet, StorecastError
from model_wrapper.contract.requests import DEFAULT_DAYS, DEFAULT_LEVEL, EVERY_STORE
from model_wrapper.settings import Settings
from storecast import exit_codes
from storecast.arguments import Verbs, add_home, date, level, positive, verb
from storecast.client import COLUMNS, Answer, Question, ask_graph, ask_registry
from storecast.output import writing
from storecast.verbs import VERBS
from training.registry.tracking_uri import tracking_uri

MAX_STORES = 6
"""Stores that one picture can show; a file of pages has so many a page."""


class ForecastUsageError(StorecastError):
    """The options of `storecast forecast` do not go together."""

    exit_code = 2


FEW = 100
"""Sales a day under which tenths are shown."""


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "forecast",
        VERBS["forecast"].summary,
        run,
        """
        storecast forecast --store 4 --from 2015-06-20 --days 7
        storecast forecast --store 4 --store 17 --url http://127.0.0.1:8000
        storecast forecast --all --from 2015-06-20 --days 42 --out forecasts.parquet
        storecast forecast --store 4 --days 42 --plot store-4.png
        """,
    )
    stores = parser.add_mutually_exclusive_group(required=True)
    stores.add_argument("--store", action="append", help="store id; may be repeated; '*' is every store")
    stores.add_argument("--all", action="store_true", help="every store of the fleet")
    parser.add_argument(
        "--from",
        type=date,
        dest="begin",
        help="first day (the day after the history; with --url what the graph takes for today)",
    )
    parser.add_argument("--days", type=positive, help=f"number of days ({DEFAULT_DAYS})")
    parser.add_argument(
        "--level", type=level, default=DEFAULT_LEVEL, help=f"share of days that the interval holds ({DEFAULT_LEVEL})"
    )
    parser.add_argument("--url", help="a running graph; without it the registry answers")
    parser.add_argument("--json", action="store_true", help="print JSON rows in place of a table")
    parser.add_argument("--out", type=Path, help="write a .csv or .parquet file in place of printing")
    parser.add_argument(
        "--plot",
        type=Path,
        help=f"draw a file in place of printing: .png or .svg up to {MAX_STORES} stores, .pdf every store",
    )
    add_home(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, then print, write or draw."""
    if args.out and args.out.suffix not in (".csv", ".parquet"):
        raise ForecastUsageError(f"--out wants a file that ends with .csv or .parquet, got {args.out}")
    if args.plot and args.plot.suffix not in (".png", ".svg", ".pdf"):
        raise ForecastUsageError(f"--plot wants a file that ends with .png, .svg or .pdf, got {args.plot}")
    stores = (EVERY_STORE,) if args.all else tuple(args.store)
    question = Question(stores, args.begin, args.days or DEFAULT_DAYS, args.level)
    fleet: Fleet | None = None
    if args.url:
        answer = ask_graph(question, args.url)
    else:
        settings = Settings.from_env(os.environ)
        answer, fleet = ask_registry(question, tracking_uri(os.environ, args.home), args.home, settings)
    _show(answer, args)
    if args.plot and not answer.rows.empty:
        from storecast.plot import plot  # noqa: PLC0415 - a second of imports that only a picture needs

        with writing(args.plot):
            drawn = plot(answer.rows, fleet, args.plot, args.level, MAX_STORES)
        asked = answer.rows["store_id"].nunique()
        rest = f", {drawn} of {asked} stores; a .pdf file has them all" if drawn < asked else ""
        print(f"drawn: {args.plot}{rest}", file=sys.stderr)
    for error in answer.errors:
        print(error, file=sys.stderr)
    return exit_codes.SOME_FAILED if answer.errors else exit_codes.OK


def _show(answer: Answer, args: argparse.Namespace) -> None:
    if args.out:
        write(answer.rows, args.out)
        print(f"written: {len(answer.rows)} rows to {args.out}", file=sys.stderr)
    elif args.json:
        print(answer.rows.to_json(orient="records", indent=1, double_precision=15))
    elif not answer.rows.empty and not args.plot:
        print(table(answer.rows))


def write(rows: pd.DataFrame, path: Path) -> None:
    """Write the rows to CSV or Parquet, by the file's ending."""
    kept = rows[list(COLUMNS)]
    with writing(path):
        if path.suffix == ".parquet":
            kept.to_parquet(path, index=False)
        else:
            kept.to_csv(path, index=False)


def table(rows: pd.DataFrame) -> str:
    """The rows as text, with the day of the week; sales are rounded, a few a day to tenths."""
    weekday = pd.to_datetime(rows["timestamp"]).dt.day_name().str[:3]
    # In whole numbers a store that sells something on every other day would look closed.
    most = rows[["value", "upper"]].max(axis=1).groupby(rows["store_id"]).transform("max")
    numbers = {
        name: [f"{sales:,.0f}" if top >= FEW else f"{sales:,.1f}" for sales, top in zip(rows[name], most, strict=True)]
        for name in ("value", "lower", "upper")
    }
    shown = rows.assign(day=weekday, **numbers)[
        ["store_id", "timestamp", "day", "value", "lower", "upper", "source", "note"]
    ]
    return shown.to_string(index=False)
