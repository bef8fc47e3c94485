"""From sources to partitions that have been looked at: what the work on them needs to know, or all that is wrong."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from fleet.calendar import OPEN
from training.backtest.folds import cutoffs_of
from training.chain.partitions import (
    MANIFEST,
    MAX_PARTITIONS,
    STORES_A_PARTITION,
    Partitions,
    PartitionWriter,
    open_partitions,
    partition_of,
)
from training.chain.read import UNKNOWN_WORD, check_sold, check_surveys, open_inputs, placeable, read_groups
from training.chain.survey import Partition, PartitionSummary, chain_of, days_of, survey
from training.checks.clean import LOST_SHARE
from training.checks.notices import Notices, calendar_end, groups_unknown, ids_alike, merged
from training.checks.returns import Negatives
from training.checks.row_notices import id_of_all, kinds_unknown
from training.checks.validate import Problem, Report
from training.errors import DataError
from training.history.history import ChainContext, natural_order
from training.options import HORIZON_DAYS, Stages, TrainingOptions
from training.sources.arrow_columns import read_words
from training.sources.base import Source
from training.sources.mapping import ROSSMANN, Mapped
from training.sources.open import open_source
from training.sources.tables import TRAIN, NameArray


@dataclass(frozen=True)
class Prepared:
    """A chain that can be trained on. `store_ids`, `groups`: in natural order.  `cutoffs`: of the backtest."""

    parts: tuple[Partition, ...]
    chain: ChainContext
    store_ids: NameArray
    groups: NameArray
    n_rows: int
    cutoffs: tuple[int, ...]
    notices: Notices

    def part_of(self, store_id: str) -> Partition:
        """The partition that holds a store."""
        index = partition_of(store_id, self.parts[0].partitions.count)
        return next(part for part in self.parts if part.index == index)


@dataclass(frozen=True)
class Partitioned:
    """A chain's sources in partitions. `groups`: of the store table, if there is one.  `report`: problems so far."""

    partitions: Partitions
    groups: Mapping[str, str] | None
    report: Report


def prepare(options: TrainingOptions, partitioned: Partitioned, stages: Stages) -> Prepared:
    """Look at every partition.

    Raises: DataError: rows cannot be trained on; one report names them all, and what was found before.
    """
    partitions, groups, report = partitioned.partitions, partitioned.groups, partitioned.report
    days = days_of(partitions)
    cutoffs = _cutoffs(report, days, options)
    horizon_days = options.test_days or HORIZON_DAYS
    parts = _parts(partitions, groups, options.negatives)
    surveys = []
    with stages.of("read", len(groups or ())):
        look = partial(survey, days=days, cutoffs=cutoffs, horizon_days=horizon_days)
        for found in options.runner.run(look, parts):
            surveys.append(found)
            stages.reporter.advance(len(found.ids), 0)
    check_surveys(report, surveys)
    faulty = _faulty(report, surveys, options)
    chain = chain_of(surveys, days, partitions.mapped)
    parts = [replace(part, faulty=_of(part, faulty)) for part in parts] if faulty else parts
    return _prepared(parts, surveys, chain, cutoffs, horizon_days)


def _faulty(report: Report, surveys: Sequence[PartitionSummary], options: TrainingOptions) -> dict[str, Problem]:
    """The stores with too many rows that cannot be, few enough to do without.

    Raises: DataError: there are more of them than may fail, or a problem is of no store alone.
    """
    n_stores = sum(len(found.ids) for found in surveys)
    faulty = {store_id: problem for found in surveys for store_id, problem in (found.faulty or {}).items()}
    if report.of_all or any(found.faulty is None for found in surveys):
        report.raise_if_any(options.home)
    if len(faulty) > options.max_failed_share * n_stores:
        report.raise_if_any(
            options.home,
            f"{len(faulty)} of {n_stores} stores: more than {LOST_SHARE:.0%} of its rows are bad, and so it has no "
            f"model; at most {options.max_failed_share:.0%} may fail: correct the rows, or raise --max-failed-share",
        )
    if report.problems:
        report.save(options.home)
        check_sold(report, surveys)
        if report.of_all:
            report.raise_if_any(options.home)
    return faulty


def _of(part: Partition, faulty: Mapping[str, Problem]) -> dict[str, Problem]:
    count = part.partitions.count
    return {store_id: found for store_id, found in faulty.items() if partition_of(store_id, count) == part.index}


def _told_ahead(chain: ChainContext) -> list[str]:
    """What a calendar of the days ahead would tell, beside opening and numbers, for which there is a usual one."""
    return [column.name for column in chain.columns if column.name != OPEN and column.type != "number"]


def _prepared(
    parts: Sequence[Partition],
    surveys: Sequence[PartitionSummary],
    chain: ChainContext,
    cutoffs: tuple[int, ...],
    horizon_days: int,
) -> Prepared:
    ids, groups = (
        np.concatenate([getattr(found, name) for found in surveys if len(found.ids)]) for name in ("ids", "groups")
    )
    order = natural_order(ids)
    in_order = ids[order].tolist()
    nones = {name: kind.none for name, kind in parts[0].partitions.mapped.kinds.items()}
    of_chain = [ids_alike(in_order), id_of_all(in_order), kinds_unknown([found.kinds for found in surveys], nones)]
    of_chain += [groups_unknown(in_order, groups[order].tolist(), UNKNOWN_WORD)]
    of_chain += [calendar_end(chain.last_day, chain.through, horizon_days, _told_ahead(chain))]
    notices = merged([*(found.notices for found in surveys), *of_chain])
    count = parts[0].partitions.count
    filled = {partition_of(store_id, count) for store_id in ids.tolist()}
    there = tuple(part for part in parts if part.index in filled)
    return Prepared(there, chain, ids[order], groups[order], sum(found.n_rows for found in surveys), cutoffs, notices)


def partition(options: TrainingOptions, folder: Path) -> Partitioned:
    """The partitions of a chain, written before, or now into an empty folder.

    Raises: DataError: a source cannot be read, or does not say which store or which day a row is of; partitions that
            were written before have another calendar or mapping.
    """
    report = Report()
    if (options.data / MANIFEST).is_file():
        if options.calendar is not None:
            raise DataError(
                f"{options.data} contains partitions with their own calendar: remove --calendar, or write the "
                "partitions again with storecast partition --calendar"
            )
        partitions = open_partitions(options.data)
        if options.mapped not in (ROSSMANN, partitions.mapped):
            raise DataError(
                f"{options.data} contains partitions with another mapping than --mapping: remove --mapping, or write "
                "the partitions again with storecast partition --mapping"
            )
        stores = open_source(options.stores, os.environ) if options.stores else None
        groups = read_groups(report, stores, partitions.mapped) if stores else None
        return Partitioned(partitions, groups, report)
    tables = (options.data, options.stores, options.calendar)
    return Partitioned(*write_partitions(report, *tables, options.mapped, folder, problems_in=options.home), report)


def write_partitions(
    report: Report,
    data: Path,
    stores: Path | None,
    calendar: Path | None,
    mapped: Mapped,
    folder: Path,
    *,
    problems_in: Path,
) -> tuple[Partitions, Mapping[str, str] | None]:
    """Copy a chain's sources into a folder of partitions; what is missing in them goes into the report.

    Raises: DataError: a source cannot be read, or does not say which store or which day a row is of.
    """
    inputs = open_inputs(report, data, stores, calendar, mapped)
    if not placeable(inputs):
        report.raise_if_any(problems_in)
    n_stores = len(inputs.groups) if inputs.groups else _count_stores(inputs.train, mapped.store_id)
    count = min(max(math.ceil(n_stores / STORES_A_PARTITION), 1), MAX_PARTITIONS)
    writer = PartitionWriter(folder, mapped, count)
    for name, source in inputs.tables().items():
        writer.write(name, source)
    return writer.finish(), inputs.groups


def _count_stores(source: Source, column: str) -> int:
    seen: set[str] = set()
    for batch in source.batches([column]):
        seen |= set(read_words(pa.chunked_array([batch.column(0)])).words)
    return len(seen)


def _cutoffs(report: Report, days: ChainContext | None, options: TrainingOptions) -> tuple[int, ...]:
    if days is None:
        return ()
    try:
        return cutoffs_of(days.first_day, days.last_day, options.test_days, options.n_folds)
    except DataError as error:
        report.table(TRAIN, "ds", str(error))
        return ()


def _parts(partitions: Partitions, groups: Mapping[str, str] | None, negatives: Negatives) -> Sequence[Partition]:
    if groups is None:
        return [Partition(partitions, index, None, negatives=negatives) for index in range(partitions.count)]
    members: list[dict[str, str]] = [{} for _ in range(partitions.count)]
    for store_id, group in groups.items():
        members[partition_of(store_id, partitions.count)][store_id] = group
    return [Partition(partitions, index, own, negatives=negatives) for index, own in enumerate(members)]
