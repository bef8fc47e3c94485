"""How fitting grows with the number of series: seconds, series a second and peak memory, reading included.

    python benchmarks/scale.py                            10,000 and 100,000 series of 900 days
    python benchmarks/scale.py --series 1000 --runner ray

Every series has closed days of its own, so that nothing that one costs is shared with another. One configuration, no
backtest, nothing registered. The series are written as Parquet partitions first, which is not counted.
"""

import argparse
import datetime as dt
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.memory import PeakMemory
from training.chain.partitions import MAX_PARTITIONS, STORES_A_PARTITION, PartitionWriter
from training.engines.batched import BatchedEngine
from training.options import Quiet, TrainingOptions
from training.pooling.variants import LIVELY
from training.run import train
from training.sources.mapping import ROSSMANN
from training.sources.tables import TRAIN
from training.workers.runners import RUNNERS, runner_of

FIRST_DAY = int(np.datetime64("2013-01-01").astype(np.int64))
SUNDAY, SATURDAY = 6, 5
CLOSED_SHARE = 0.02
SERIES_AT_ONCE = 500
BYTES_A_ROW = 16


@dataclass(frozen=True)
class MadeUp:
    """A `training.sources.base.Source` of seeded series."""

    n_series: int
    n_days: int
    where: str = "made-up series"
    column_names: tuple[str, ...] = ("Store", "Date", "Sales", "Open", "Promo", "StateHoliday", "SchoolHoliday")

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some hundred series at a time."""
        for first in range(0, self.n_series, SERIES_AT_ONCE):
            rows = self._rows(first, min(SERIES_AT_ONCE, self.n_series - first))
            yield pa.record_batch({name: rows[name] for name in columns})

    def _rows(self, first: int, count: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.n_series, first])
        days = FIRST_DAY + np.arange(self.n_days)
        weekday = (days + 3) % 7
        shape = (count, self.n_days)
        is_open = (weekday < SUNDAY) & (rng.random(shape) > CLOSED_SHARE)
        promo = np.broadcast_to((days // 7 % 2 == 0) & (weekday < SATURDAY), shape)
        holiday = np.broadcast_to(days % 97 == 0, shape)
        level = rng.normal(8.7, 0.4, (count, 1)) + rng.normal(0, 0.1, (count, 1)) * np.linspace(0, 1, self.n_days)
        log_sales = level + rng.normal(0.3, 0.05, (count, 1)) * promo + 0.05 * np.sin(days / 58.1) - 0.03 * weekday
        sales = np.where(is_open, np.exp(log_sales + rng.normal(0, 0.1, shape)), 0).round()
        ids = pa.array([str(first + place + 1) for place in range(count)])
        return {
            "Store": pa.DictionaryArray.from_arrays(np.repeat(np.arange(count, dtype=np.int32), self.n_days), ids),
            "Date": pa.array(np.tile(days.astype(np.int32), count)).cast(pa.date32()),
            "Sales": sales.ravel().astype(np.int32),
            "Open": is_open.ravel().astype(np.int8),
            "Promo": promo.ravel().astype(np.int8),
            "StateHoliday": pa.DictionaryArray.from_arrays(holiday.ravel().astype(np.int32), pa.array(["0", "a"])),
            "SchoolHoliday": (np.broadcast_to(days // 60 % 4 == 0, shape)).ravel().astype(np.int8),
        }


def write(folder: Path, n_series: int, n_days: int) -> None:
    """Write the series as partitions."""
    writer = PartitionWriter(folder, ROSSMANN, min(-(-n_series // STORES_A_PARTITION), MAX_PARTITIONS))
    writer.write(TRAIN, MadeUp(n_series, n_days))
    writer.finish()


def measure(folder: Path, n_series: int, n_days: int, runner: str, workers: int | None) -> None:
    """Write the series, train on them, and print one line."""
    needed = n_series * n_days * BYTES_A_ROW
    free = shutil.disk_usage(folder).free
    if needed > free:
        print(f"{n_series:>9,}  skipped: wanted {needed >> 20:,} MB on the disk, there are {free >> 20:,}")
        return
    parts = folder / str(n_series)
    # In a process of its own: what writing leaves in memory must not be counted as training's.
    writing = multiprocessing.get_context("spawn").Process(target=write, args=(parts, n_series, n_days))
    writing.start()
    writing.join()
    on_disk_mb = sum(file.stat().st_size for file in parts.rglob("*.parquet")) >> 20
    options = TrainingOptions(
        parts,
        None,
        None,
        folder / "home",
        "",
        test_days=0,
        variants=(LIVELY,),
        dry_run=True,
        runner=runner_of(runner, workers, os.environ),
    )
    begun = time.perf_counter()
    with PeakMemory(os.getpid()) as memory:
        result = train(options, BatchedEngine(), Quiet())
    seconds = time.perf_counter() - begun
    shutil.rmtree(parts)
    print(
        f"{n_series:>9,} {n_days:>6} {on_disk_mb:>8,} {seconds:>9.1f} {n_series / seconds:>9,.0f} "
        f"{memory.peak_mb:>9,.0f} {result.stores.fitted:>9,}",
        flush=True,
    )


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--days", type=int, default=900)
    parser.add_argument("--runner", choices=RUNNERS, default="joblib")
    parser.add_argument("--workers", type=int)
    args = parser.parse_args()
    print(f"{dt.date.today()}, {os.cpu_count()} cores, {args.runner}")  # noqa: DTZ011 - a date for the reader
    print(f"{'series':>9} {'days':>6} {'MB disk':>8} {'seconds':>9} {'series/s':>9} {'peak MB':>9} {'fitted':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for n_series in args.series:
            measure(Path(folder), n_series, args.days, args.runner, args.workers)


if __name__ == "__main__":
    main()
