"""`storecast partition`: a chain's tables as Parquet partitions, written once and trained on many times."""

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
    parser.add_argument("--data", type=Path, required=True, help="sales: CSV (also .gz), Parquet or .sql")
    parser.add_argument("--stores", type=Path, help="store table; its ids spare a first reading of the sales")
    parser.add_argument("--calendar", type=Path, help="the days ahead: opening, promotions, holidays")
    parser.add_argument("--mapping", type=Path, help="TOML file that names the columns (Kaggle's Rossmann names)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, which must not exist")


def run(args: argparse.Namespace) -> int:
    """Write the partitions, and print what was written."""
    if args.out.exists():
        raise DataError(f"wanted a new folder to write partitions to, {args.out} exists: remove it, or name another")
    report = Report()
    mapped = read_mapping(args.mapping) if args.mapping else ROSSMANN
    args.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    # Written beside it and renamed: a run that ends early leaves nothing that looks like partitions.
    with tempfile.TemporaryDirectory(dir=args.out.absolute().parent, prefix=".partitions-") as made:
        tables = (args.data, args.stores, args.calendar)
        partitions, _ = write_partitions(report, *tables, mapped, Path(made) / "all", problems_in=Path.cwd())
        report.raise_if_any(Path.cwd())
        (Path(made) / "all").rename(args.out)
    rows = {name: extent.rows for name, extent in partitions.tables.items()}
    print(json.dumps({"partitions": partitions.count, "rows": rows, "folder": str(args.out)}, indent=1))
    return exit_codes.OK
