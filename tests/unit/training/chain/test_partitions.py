"""Partitions hold what the source held, a store in one of them by a fixed hash; what is read does not change."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.training import chains

from benchmarks.small_chains import read_history
from training.chain.partitions import Partitions, PartitionWriter, open_partitions, partition_of
from training.errors import DataError
from training.history import baseline
from training.history.history import History
from training.options import Quiet, Stages, TrainingOptions
from training.prepare import partition, prepare
from training.sources.mapping import ROSSMANN
from training.sources.open import open_source
from training.sources.tables import CALENDAR, TRAIN

GOLDEN = {"1": 7, "2": 5, "007": 6, "7": 2, "4711": 7, "Zürich": 6, "shop 🙂": 4, "": 0}
"""Partition of each store among eight: a partition that was written by one release is read by the next."""


def test_the_hash_is_what_it_was() -> None:
    assert {store_id: partition_of(store_id, 8) for store_id in GOLDEN} == GOLDEN


def written(folder: Path, count: int) -> Partitions:
    paths = chains.files(folder / "chain", n_stores=12, n_days=100)
    writer = PartitionWriter(folder / "parts", ROSSMANN, count)
    writer.write(TRAIN, open_source(paths["train"], os.environ))
    writer.write(CALENDAR, open_source(paths["calendar"], os.environ))
    return writer.finish()


def test_every_row_lies_in_the_partition_of_its_store(tmp_path: Path) -> None:
    partitions = written(tmp_path, 5)
    assert open_partitions(partitions.folder) == partitions
    tables = [partitions.table(TRAIN, index) for index in range(5)]
    assert sum(map(len, tables)) == partitions.tables[TRAIN].rows
    for index, table in enumerate(tables):
        assert {partition_of(store_id, 5) for store_id in table.store_ids()} <= {index}
    spans = [table.span() for table in tables]
    first, last = (pick(span[place] for span in spans if span) for place, pick in ((0, min), (1, max)))
    assert (partitions.tables[TRAIN].first_day, partitions.tables[TRAIN].last_day) == (first, last)


def test_partitions_that_are_torn_or_newer_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, 2).folder
    manifest = folder / "partitions.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"format": 2', '"format": 3'))
    with pytest.raises(DataError, match="wanted partitions of format 2, got 3"):
        open_partitions(folder)
    manifest.write_text(text[:40])
    with pytest.raises(DataError, match="cannot read the partitions"):
        open_partitions(folder)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], History]:
    """The tables of a chain, and what is read of them at once."""
    folder = tmp_path_factory.mktemp("chain")
    paths = chains.files(folder, n_stores=30, n_days=300)
    return paths, read_history(paths["train"], paths["store"], paths["calendar"], problems_in=folder)


@pytest.mark.parametrize("stores_a_partition", [1, 4, 100])
def test_a_part_knows_of_its_chain_what_the_whole_knows(
    tmp_path: Path, chain: tuple[dict[str, Path], History], monkeypatch: pytest.MonkeyPatch, stores_a_partition: int
) -> None:
    monkeypatch.setattr("training.prepare.STORES_A_PARTITION", stores_a_partition)
    paths, whole = chain
    options = TrainingOptions(paths["train"], paths["store"], paths["calendar"], tmp_path, "", n_folds=2)
    parts = prepare(options, partition(options, tmp_path / "parts"), Stages(Quiet()))
    assert tuple(parts.store_ids.tolist()) == whole.store_ids
    assert parts.groups.tolist() == whole.groups.tolist()
    assert (parts.n_rows, len(parts.cutoffs)) == (whole.n_rows, 2)
    wholes = {day: whole if day == whole.last_day else whole.until(day) for day in (*parts.cutoffs, whole.last_day)}
    curves = {day: baseline.curves(history) for day, history in wholes.items()}
    for part in parts.parts:
        history = part.history(parts.chain)
        rows = [whole.store_ids.index(store_id) for store_id in history.store_ids]
        for day, all_of_it in wholes.items():
            some = history if day == whole.last_day else history.until(day)
            np.testing.assert_array_equal(some.sales, all_of_it.sales[rows])
            np.testing.assert_array_equal(some.calendar.usual_open, all_of_it.calendar.usual_open[rows])
            for name, values in some.calendar.values.items():
                np.testing.assert_array_equal(values, all_of_it.calendar.values[name][rows])
            for name, closed in some.calendar.usually_closed.items():
                np.testing.assert_array_equal(closed, all_of_it.calendar.usually_closed[name][rows])
            own = baseline.curves(some)
            for name in ("sales", "noise", "level"):
                np.testing.assert_array_equal(getattr(own, name), getattr(curves[day], name)[rows])


def test_rows_without_a_store_are_kept_for_the_report(tmp_path: Path) -> None:
    table = tmp_path / "train.csv"
    table.write_text("Store,Date,Sales,Open,Promo,StateHoliday,SchoolHoliday\n,2015-01-05,1,1,0,0,0\n4,,1,1,0,0,0\n")
    writer = PartitionWriter(tmp_path / "parts", ROSSMANN, 3)
    writer.write(TRAIN, open_source(table, os.environ))
    partitions = writer.finish()
    assert len(partitions.table(TRAIN, 0)) + len(partitions.table(TRAIN, partition_of("4", 3))) == 2
    assert partitions.tables[TRAIN].first_day is not None
    assert isinstance(partitions.table(TRAIN, 1).raw, pa.Table)


def test_a_chain_read_whole_is_a_chain_of_its_own(tmp_path: Path) -> None:
    paths = chains.files(tmp_path, n_stores=12, n_days=100)
    history = read_history(paths["train"], paths["store"], paths["calendar"], problems_in=tmp_path)
    assert history.chain is None
    assert history.snapshot is None
