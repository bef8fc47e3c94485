"""The log as Parquet: one row a forecast day, streamed, in memory that does not grow with the log."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.request_log.items import LoggedItem

SCHEMA: Final = pa.schema(
    [
        pa.field("store_id", pa.string()),
        pa.field("ds", pa.date32()),
        pa.field("value", pa.float64()),
        pa.field("lower", pa.float64()),
        pa.field("upper", pa.float64()),
        pa.field("note", pa.string()),
        pa.field("level", pa.float64()),
        pa.field("source", pa.string()),
        pa.field("version", pa.string()),
        pa.field("alias", pa.string()),
        pa.field("what_if", pa.bool_()),
        pa.field("issued_at", pa.timestamp("us", tz="UTC")),
        pa.field("request_id", pa.string()),
        pa.field("item", pa.int32()),
    ]
)
_OF_THE_ITEM: Final = ("store_id", "level", "source", "version", "alias", "what_if", "issued_at", "request_id", "item")


def write_parquet(chunks: Iterable[Sequence[LoggedItem]], path: Path) -> int:
    """Write a file that is whole or not there; returns the number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    rows = 0
    try:
        with pq.ParquetWriter(partial, SCHEMA) as writer:
            for chunk in chunks:
                table = pa.table(_columns_of(chunk), schema=SCHEMA)
                writer.write_table(table)
                rows += table.num_rows
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _columns_of(items: Sequence[LoggedItem]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for item in items:
        count = len(item.days)
        columns["ds"] += [date.fromisoformat(day) for day in item.days]
        columns["value"] += item.forecasts
        columns["lower"] += item.lowers
        columns["upper"] += item.uppers
        columns["note"] += item.notes or [None] * count
        for name in _OF_THE_ITEM:
            columns[name] += [getattr(item, name)] * count
    return columns
