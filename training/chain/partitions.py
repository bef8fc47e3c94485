"""A chain's tables as Parquet files, each with the stores of one value of a fixed hash: what a worker reads by itself.

FOLDER/partitions.json            how many, the columns' names in the source, days and rows of each table
FOLDER/train/0007.parquet         sales, as they were written in the source, under our names
FOLDER/calendar/0007.parquet      the days ahead, if there are any
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.checks.validate import EARLIEST, LATEST
from training.errors import DataError
from training.sources.arrow_columns import main_block, read_days, read_words
from training.sources.base import Source
from training.sources.mapping import Mapped, mapped_from_plain
from training.sources.tables import TRAIN, Table, present_columns, table_of

MANIFEST = "partitions.json"
FORMAT = 2
STORES_A_PARTITION = 128
"""Stores that a worker holds in memory at a time: enough to share what is computed once for stores that are alike."""

MAX_PARTITIONS = 512
"""A writer has as many files open, and a process may usually open 1,024."""

_ROWS_AT_ONCE = 2_000_000


@lru_cache(maxsize=1 << 20)
def partition_of(store_id: str, count: int) -> int:
    """Partition, 0 <= index < count, that holds a store: CRC-32 of the UTF-8 id, modulo `count`."""
    return zlib.crc32(store_id.encode()) % count


@dataclass(frozen=True)
class Extent:
    """What was seen of a table while it was written. `first_day`, `last_day`: see `Table.span`; None without a day.

    Of a calendar, written after the sales, only the days after these count.
    """

    rows: int = 0
    first_day: int | None = None
    last_day: int | None = None


@dataclass(frozen=True)
class Partitions:
    """A folder of partitions. `tables`: the extent of each table that is there."""

    folder: Path
    count: int
    mapped: Mapped
    tables: Mapping[str, Extent]

    def table(self, name: str, index: int) -> Table:
        """One table of one partition."""
        file = self.folder / name / f"{index:04}.parquet"
        schema = pq.read_schema(file)
        texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_dictionary(field.type)]
        return table_of(pq.read_table(file, read_dictionary=texts), name, self.mapped)


def open_partitions(folder: Path) -> Partitions:
    """A folder that `PartitionWriter` finished.

    Raises: DataError: it is torn, or of a newer format.
    """
    try:
        plain = json.loads((folder / MANIFEST).read_text())
        if plain["format"] != FORMAT:
            raise DataError(
                f"{folder}: wanted partitions of format {FORMAT}, got {plain['format']}: write them again with "
                "storecast partition"
            )
        tables = {name: Extent(**extent) for name, extent in plain["tables"].items()}
        return Partitions(folder, plain["count"], mapped_from_plain(plain["mapping"]), tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot read the partitions in {folder}: {error!r}; write them again") from error


class PartitionWriter:
    """Writes a folder of partitions, table after table; memory does not grow with the tables. A context manager."""

    def __init__(self, folder: Path, mapped: Mapped, count: int) -> None:
        self._partitions = Partitions(folder, count, mapped, {})
        self._tables: dict[str, Extent] = {}

    def write(self, name: str, source: Source) -> None:
        """Copy a table, those of its columns that are wanted and there."""
        partitions = self._partitions
        ours = present_columns(name, source, partitions.mapped)
        n_rows, seen = 0, np.zeros(0, dtype=np.int64)
        sales = self._tables.get(TRAIN, Extent())
        after = EARLIEST - 1 if name == TRAIN or sales.last_day is None else sales.last_day
        with _Files(partitions.folder / name, partitions.count) as files:
            for batch in source.batches(list(ours.values())):
                table = pa.Table.from_batches([batch]).rename_columns(list(ours))
                days = np.unique(read_days(table["ds"]).days)
                seen = np.union1d(seen, days[(days > after) & (days <= LATEST)])
                n_rows += len(table)
                files.add(table)
            if not n_rows:
                files.add(pa.table({column: pa.array([], pa.string()) for column in ours}))
        self._tables[name] = Extent(n_rows, *(main_block(seen) or (None, None)))

    def finish(self) -> Partitions:
        """Write the manifest, without which the folder is nothing."""
        partitions = self._partitions
        plain: dict[str, Any] = {
            "format": FORMAT,
            "hash": "crc32(utf-8 store id) modulo count",
            "count": partitions.count,
            "mapping": asdict(partitions.mapped),
            "tables": {name: asdict(extent) for name, extent in self._tables.items()},
        }
        (partitions.folder / MANIFEST).write_text(json.dumps(plain, indent=1) + "\n")
        return Partitions(partitions.folder, partitions.count, partitions.mapped, dict(self._tables))


class _Files:
    """One Parquet file a partition; rows wait in memory until there are enough for row groups of some size."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True)
        self._paths = [folder / f"{index:04}.parquet" for index in range(count)]
        self._waiting: list[list[pa.Table]] = [[] for _ in range(count)]
        self._n_waiting = 0
        self._writers: dict[int, pq.ParquetWriter] = {}
        self._schema = pa.schema([])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._flush(everything=True)
        for writer in self._writers.values():
            writer.close()

    def add(self, table: pa.Table) -> None:
        """Rows of any stores."""
        self._schema = table.schema
        stores = read_words(table["store_id"])
        by_word = np.array([*(partition_of(word, len(self._paths)) for word in stores.words), 0], dtype=np.int64)
        place = by_word[stores.codes]  # rows without an id are the first partition's, which will report them
        order = np.argsort(place, kind="stable")
        ordered = table.take(pa.array(order))
        ends = np.searchsorted(place[order], np.arange(len(self._paths) + 1))
        for index in np.unique(place).tolist():
            self._waiting[index].append(ordered.slice(ends[index], ends[index + 1] - ends[index]))
        self._n_waiting += len(table)
        if self._n_waiting >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self, *, everything: bool = False) -> None:
        for index, tables in enumerate(self._waiting):
            if not tables and not everything:
                continue
            if index not in self._writers:
                self._writers[index] = pq.ParquetWriter(self._paths[index], self._schema, compression="lz4")
            self._writers[index].write_table(pa.concat_tables([self._schema.empty_table(), *tables]))
            tables.clear()
        self._n_waiting = 0
