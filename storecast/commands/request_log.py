"""`storecast request-log serve|show|export|prune`: the forecasts of a graph, stored in a database."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.events import kept_id
from monitoring.request_log.items import LoggedItem
from monitoring.request_log.settings import RequestLogSettings
from storecast import arguments, exit_codes
from storecast.arguments import Verbs, add_home, group, port, positive, verb
from storecast.output import OutputError, writing
from storecast.verbs import VERBS

PORT = 8070
HEADINGS = ("issued (UTC)", "store", "days", "mean", "lower", "upper", "level", "source", "version", "request")


def add(verbs: Verbs) -> None:
    """Add the verb and its verbs."""
    examples = """
        storecast request-log show --last 5
        storecast request-log export --out forecasts.parquet
        """
    parser = group(verbs, "request-log", VERBS["request-log"].summary, examples)
    below = parser.add_subparsers(title="verbs", dest="request_log_verb", required=True, metavar="VERB")
    _add_serve(below)
    _add_show(below)
    _add_export(below)
    _add_prune(below)


def _add_serve(below: Verbs) -> None:
    examples = """
        storecast request-log serve
        storecast request-log serve --port 0 --keep-days 365
        STORECAST_REQUEST_LOG_URL=postgresql://USER:PASSWORD@HOST/NAME storecast request-log serve --host 0.0.0.0
        """
    parser = verb(
        below,
        "serve",
        "receive the events of graphs and write their forecasts to a database, until Ctrl-C",
        run_serve,
        examples,
    )
    parser.add_argument("--port", type=port, default=PORT, help="TCP port to listen on; 0 chooses a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    _add_keep_days(parser)
    add_home(parser)


def _add_show(below: Verbs) -> None:
    examples = """
        storecast request-log show --store 4 --last 5
        storecast request-log show --last 20 --json
        storecast request-log show --request 7f6c0d1e-5e0a-4f39-9f0f-1c6a8d3e2b11
        """
    parser = verb(below, "show", "print the newest forecasts in the log", run_show, examples)
    parser.add_argument("--store", metavar="ID", help="only forecasts of this store")
    parser.add_argument(
        "--request", metavar="ID", help="only forecasts of this request (header Seldon-Puid of its answer)"
    )
    parser.add_argument("--last", type=positive, default=10, metavar="N", help="number of forecasts")
    parser.add_argument("--json", action="store_true", help="print JSON with every stored value instead of a table")
    add_home(parser)


def _add_export(below: Verbs) -> None:
    examples = """
        storecast request-log export --out forecasts.parquet
        storecast request-log export --since 2026-11-01 --until 2026-11-30 --out november.parquet
        """
    parser = verb(
        below, "export", "write the forecasts to a Parquet file, one row per forecast day", run_export, examples
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="Parquet file to write")
    help_since = "first day on which the forecasts were made, UTC (default: that of the oldest forecast)"
    parser.add_argument("--since", type=arguments.date, metavar="DATE", help=help_since)
    help_until = "last day on which the forecasts were made, UTC, inclusive (default: that of the newest forecast)"
    parser.add_argument("--until", type=arguments.date, metavar="DATE", help=help_until)
    add_home(parser)


def _add_prune(below: Verbs) -> None:
    examples = """
        storecast request-log prune --keep-days 30 --dry-run
        storecast request-log prune --keep-days 30
        """
    parser = verb(below, "prune", "delete old forecasts from the log", run_prune, examples)
    _add_keep_days(parser)
    parser.add_argument("--dry-run", action="store_true", help="print how many rows would be deleted, but delete none")
    add_home(parser)


def _add_keep_days(parser: argparse.ArgumentParser) -> None:
    help_days = "days to keep a forecast (default: STORECAST_REQUEST_LOG_KEEP_DAYS, or 90)"
    parser.add_argument("--keep-days", type=positive, metavar="N", help=help_days)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from monitoring.request_log.sink import serve  # noqa: PLC0415 - an HTTP server that only this verb needs

    chosen = _settings(args.keep_days)
    database = RequestLogDatabase(chosen.database_url(args.home), chosen.database_timeout_s)

    def tell(port: int) -> None:
        host = f"[{args.host}]" if ":" in args.host else args.host
        print(f"request log  http://{host}:{port}/", f"written to   {database.where}", sep="\n", flush=True)

    serve(database, chosen, args.host, args.port, tell)
    return exit_codes.OK


def run_show(args: argparse.Namespace) -> int:
    """Print a table, or JSON."""
    with _log(args) as database:
        items = database.recent(args.last, args.store, args.request and kept_id(args.request))
    if args.json:
        print(json.dumps([asdict(item) for item in items], default=str, indent=1))
    elif items:
        print(table(items))
    else:
        print("no matching forecast in the log", file=sys.stderr)
    return exit_codes.OK


def run_export(args: argparse.Namespace) -> int:
    """Write the file."""
    from monitoring.request_log.export import write_parquet  # noqa: PLC0415 - Arrow, that only this verb needs

    since = _midnight(args.since) if args.since else None
    until = _midnight(args.until) + timedelta(days=1) if args.until else None
    if args.out.suffix != ".parquet":
        raise OutputError(f"wanted --out with a file name that ends with .parquet, got {args.out}")
    if since and until and since >= until:
        raise OutputError(f"wanted --until with {args.since} (--since) or a later day, got {args.until}")
    with _log(args) as database, writing(args.out):
        rows = write_parquet(database.between(since, until), args.out)
    print(f"wrote {rows} rows to {args.out}", file=sys.stderr)
    return exit_codes.OK


def run_prune(args: argparse.Namespace) -> int:
    """Delete rows, or count those that would be deleted; the result is one JSON object."""
    before = datetime.now(UTC) - timedelta(days=_settings(args.keep_days).keep_days)
    with _log(args) as database:
        rows = database.count(before) if args.dry_run else sum(iter(lambda: database.prune(before), 0))
    print(json.dumps({"before": before.isoformat(), "rows": rows, "dry_run": args.dry_run}))
    return exit_codes.OK


def table(items: list[LoggedItem]) -> str:
    """The items as text: one line per item, with the mean of its days."""
    rows = [HEADINGS, *(tuple(map(_printable, _line(item))) for item in items)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _printable(cell: str) -> str:
    """The cell with control characters escaped: clients choose store and request ids."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cell)


def _line(item: LoggedItem) -> tuple[str, ...]:
    span = f"{item.days[0]}..{item.days[-1]}" if item.days else "-"
    parts = (item.forecasts, item.lowers, item.uppers)
    means = [f"{sum(part) / len(part):,.0f}" if part else "-" for part in parts]
    level = "-" if item.level is None else f"{item.level:g}"
    source = f"error:{item.error_code}" if item.error_code else item.source or "-"
    version = "@".join(part for part in (item.version, item.alias) if part) or "-"
    issued = f"{item.issued_at:%Y-%m-%d %H:%M:%S}"
    return (issued, item.store_id or "-", span, *means, level, source, version, item.request_id)


def _settings(keep_days: int | None) -> RequestLogSettings:
    given = {} if keep_days is None else {RequestLogSettings.variable_of("keep_days"): str(keep_days)}
    return RequestLogSettings.from_env({**os.environ, **given})


@contextmanager
def _log(args: argparse.Namespace) -> Iterator[RequestLogDatabase]:
    database = RequestLogDatabase(_settings(None).database_url(args.home))
    try:
        database.check()
        yield database
    finally:
        database.close()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
