"""`storecast forecast`: forecasts from the registry or from a running graph."""

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
"""The most stores on one picture, and on each page of a PDF."""


class ForecastUsageError(StorecastError):
    """An option of `storecast forecast` cannot be used."""

    exit_code = 2


FEW = 100
"""Stores whose highest sales per day are lower than this are printed with one decimal."""

_EXAMPLES = """
        storecast forecast --store 4 --from 2015-06-20 --days 7
        storecast forecast --store 4 --store 17 --url http://127.0.0.1:8000
        storecast forecast --all --from 2015-06-20 --days 42 --out forecasts.parquet
        storecast forecast --store 4 --days 42 --plot store-4.png
        """


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "forecast",
        VERBS["forecast"].summary,
        run,
        _EXAMPLES,
    )
    stores = parser.add_mutually_exclusive_group(required=True)
    stores.add_argument(
        "--store", action="append", metavar="ID", help="store id; may be repeated; '*' means every store"
    )
    stores.add_argument("--all", action="store_true", help="forecast every store of the fleet")
    parser.add_argument(
        "--from",
        type=date,
        dest="begin",
        metavar="DATE",
        help="first day to forecast (default: the day after the sales history; with --url, the graph chooses it)",
    )
    parser.add_argument("--days", type=positive, metavar="N", help=f"number of days (default: {DEFAULT_DAYS})")
    help_level = "level of the prediction interval: the share of days whose sales it should contain, 0.5 to 0.99"
    parser.add_argument("--level", type=level, default=DEFAULT_LEVEL, help=help_level)
    help_url = "address of a running graph that computes the forecasts (default: use the champion in the registry)"
    parser.add_argument("--url", help=help_url)
    parser.add_argument("--json", action="store_true", help="print JSON rows instead of a table")
    help_out = "write the forecasts to this .csv or .parquet file instead of printing them"
    parser.add_argument("--out", type=Path, metavar="FILE", help=help_out)
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help=f"plot the forecasts to this file instead of printing them: .png or .svg (up to {MAX_STORES} stores) or "
        ".pdf (every store)",
    )
    add_home(parser)


def run(args: argparse.Namespace) -> int:
    """Get the forecasts, then print, write or plot them."""
    if args.out and args.out.suffix not in (".csv", ".parquet"):
        raise ForecastUsageError(f"wanted --out with a file name that ends with .csv or .parquet, got {args.out}")
    if args.plot and args.plot.suffix not in (".png", ".svg", ".pdf"):
        raise ForecastUsageError(f"wanted --plot with a file name that ends with .png, .svg or .pdf, got {args.plot}")
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
        rest = f" with {drawn} of {asked} stores; plot to a .pdf file to get all of them" if drawn < asked else ""
        print(f"wrote {args.plot}{rest}", file=sys.stderr)
    for error in answer.errors:
        print(error, file=sys.stderr)
    return exit_codes.SOME_FAILED if answer.errors else exit_codes.OK


def _show(answer: Answer, args: argparse.Namespace) -> None:
    if args.out:
        write(answer.rows, args.out)
        print(f"wrote {len(answer.rows)} rows to {args.out}", file=sys.stderr)
    elif args.json:
        print(answer.rows.to_json(orient="records", indent=1, double_precision=15))
    elif not answer.rows.empty and not args.plot:
        print(table(answer.rows))


def write(rows: pd.DataFrame, path: Path) -> None:
    """Write the rows as CSV or Parquet; the file name says which."""
    kept = rows[list(COLUMNS)]
    with writing(path):
        if path.suffix == ".parquet":
            kept.to_parquet(path, index=False)
        else:
            kept.to_csv(path, index=False)


def table(rows: pd.DataFrame) -> str:
    """The rows as text, with the day of the week; sales are rounded, of stores with low sales to one decimal."""
    weekday = pd.to_datetime(rows["timestamp"]).dt.day_name().str[:3]
    # As whole numbers, the sales of a store that sells one item every other day would all be 0.
    most = rows[["value", "upper"]].max(axis=1).groupby(rows["store_id"]).transform("max")
    numbers = {
        name: [f"{sales:,.0f}" if top >= FEW else f"{sales:,.1f}" for sales, top in zip(rows[name], most, strict=True)]
        for name in ("value", "lower", "upper")
    }
    shown = rows.assign(day=weekday, **numbers)[
        ["store_id", "timestamp", "day", "value", "lower", "upper", "source", "note"]
    ]
    return shown.to_string(index=False)
