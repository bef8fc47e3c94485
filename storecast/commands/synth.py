"""`storecast synth`: write a synthetic chain."""

import argparse
import datetime as dt
import json
from pathlib import Path

from storecast import exit_codes
from storecast.arguments import Verbs, date, positive, verb
from storecast.verbs import VERBS
from training.errors import DataError
from training.synth import write_chain


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "synth",
        VERBS["synth"].summary,
        run,
        """
        storecast synth --stores 60 --days 900 --out chain
        storecast synth --stores 1000 --days 942 --seed 7 --out big-chain
        """,
    )
    parser.add_argument("--stores", type=positive, required=True, metavar="N", help="number of stores")
    help_days = "days of sales history; the calendar covers 42 more days"
    parser.add_argument("--days", type=positive, required=True, metavar="N", help=help_days)
    help_out = "folder for the files train.csv, store.csv and calendar.csv"
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=help_out)
    first = dt.date(2013, 1, 1)
    parser.add_argument("--first", type=date, default=first, metavar="DATE", help="first day of the sales history")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="random seed; the same seed gives the same files"
    )


def run(args: argparse.Namespace) -> int:
    """Write the tables and print where they are."""
    try:
        paths = write_chain(args.out, args.stores, args.days, first=args.first, seed=args.seed)
    except OSError as error:
        raise DataError(f"wanted --out with a folder that can be written to, got {args.out}: {error}") from error
    print(json.dumps({name: str(path) for name, path in paths.items()}, indent=1))
    return exit_codes.OK
