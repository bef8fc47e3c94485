"""`storecast partition`: the tables of a chain as Parquet partitions, written once and used by many trainings."""

import argparse
import json
import tempfile
from pathlib import Path

from storecast import exit_codes
from storecast.arguments import Verbs, verb
from storecast.verbs import VERBS
from training.checks.validate import Report
from training.errors import DataError
from training.prepare import write_partitions
from training.sources.mapping import ROSSMANN, read_mapping


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "partition",
        VERBS["partition"].summary,
        run,
        """
        storecast partition --data train.csv.gz --calendar calendar.csv.gz --out partitions
        STORECAST_HISTORY_URL=sqlite:///shop.db storecast partition --data sales.sql --out partitions
        storecast train --data partitions --stores store.csv
        """,
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="sales history: CSV (also .gz), Parquet or .sql"
    )
    parser.add_argument(
        "--stores", type=Path, metavar="FILE", help="store table; with its ids, the sales are read once, not twice"
    )
    parser.add_argument(
        "--calendar", type=Path, metavar="FILE", help="opening, promotions and holidays of the days ahead"
    )
    help_mapping = "TOML file with your column names (default: those of Kaggle's Rossmann data)"
    parser.add_argument("--mapping", type=Path, metavar="FILE", help=help_mapping)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder for the partitions")


def run(args: argparse.Namespace) -> int:
    """Write the partitions, and print what was written."""
    if args.out.exists():
        raise DataError(
            f"wanted --out with a new folder, got {args.out}, which exists; remove it or name another folder"
        )
    report = Report()
    mapped = read_mapping(args.mapping) if args.mapping else ROSSMANN
    args.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    # Written to a temporary folder and renamed, so that an interrupted run leaves no incomplete partitions.
    with tempfile.TemporaryDirectory(dir=args.out.absolute().parent, prefix=".partitions-") as made:
        tables = (args.data, args.stores, args.calendar)
        partitions, _ = write_partitions(report, *tables, mapped, Path(made) / "all", problems_in=Path.cwd())
        report.raise_if_any(Path.cwd())
        (Path(made) / "all").rename(args.out)
    rows = {name: extent.rows for name, extent in partitions.tables.items()}
    print(json.dumps({"partitions": partitions.count, "rows": rows, "folder": str(args.out)}, indent=1))
    return exit_codes.OK
