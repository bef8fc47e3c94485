"""The first look at a chain, partition by partition: its problems, and what each partition needs of the rest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fleet.arrays import FloatArray
from training.chain.partitions import Extent, Partitions
from training.checks import frequency
from training.checks.clean import clean
from training.checks.notices import Notices, kinds_assumed, merged
from training.checks.returns import Negatives
from training.checks.row_notices import SeenKinds, kinds_seen
from training.checks.store_notices import notices_of_stores
from training.checks.validate import Problem
from training.errors import DataError
from training.history import baseline
from training.history.history import ChainContext, ChainSnapshot, History, natural_order, number_of_chain, usual_number
from training.history.opening_days import Habits, by_group, habits_of, joined
from training.history.panel import columns_of, groups_of, labels_of, panel
from training.history.zero_sales import day_counts, quiet_days
from training.sources.arrow_columns import MAX_GAP_DAYS
from training.sources.mapping import Mapped
from training.sources.tables import CALENDAR, TRAIN, NameArray, Table


@dataclass(frozen=True)
class Partition:
    """The stores of one partition. `groups`: store -> group, of those in the store table; None without one.

    `faulty`: stores with too many rows that cannot be, and what is wrong with the first of these.  `negatives`: what
    days with negative sales are taken for.
    """

    partitions: Partitions
    index: int
    groups: Mapping[str, str] | None
    faulty: Mapping[str, Problem] = field(default_factory=dict)
    negatives: Negatives = "refuse"

    def tables(self) -> list[Table]:
        """The sales, then the days ahead if there are any."""
        return [self.partitions.table(name, self.index) for name in self.partitions.tables]

    def history(self, chain: ChainContext) -> History:
        """The partition's panel, without rows that cannot be used."""
        cleaned = clean(self.tables(), self.groups, self.partitions.mapped, chain, self.negatives)
        return panel(cleaned.tables, cleaned.ids, groups_of(cleaned.ids, self.groups), chain)


@dataclass(frozen=True)
class PartitionSummary:
    """What was seen of a partition's rows without a problem. First axis: the store.

    `faulty`: the first problem of each store that has too many; None where a problem is of no store alone, and then
    there is no more than `problems`, `ids`, `n_rows` and `rhythm`.

    `labels`: the values of each kind.  `habits`: when the stores open, and `cells`: what they sell, by the last day
    that is looked at.  `day_counts`: by group, of `zeros.day_counts`.  `open_told`: see `Calendar.open_told`.
    """

    problems: tuple[Problem, ...]
    ids: NameArray
    n_rows: int
    faulty: Mapping[str, Problem] | None
    rhythm: frequency.Rhythm
    groups: NameArray = field(default_factory=lambda: np.zeros(0, dtype=np.str_))
    sold: bool = False
    notices: Notices = field(default_factory=Notices)
    labels: Mapping[str, set[str]] = field(default_factory=dict)
    kinds: SeenKinds = field(default_factory=lambda: SeenKinds({}, {}))
    usual_numbers: Mapping[str, FloatArray] = field(default_factory=dict)
    habits: Mapping[int, Habits] = field(default_factory=dict)
    cells: Mapping[int, baseline.Cells] = field(default_factory=dict)
    day_counts: Mapping[str, FloatArray] = field(default_factory=dict)
    open_told: bool = True


def survey(
    partition: Partition, days: ChainContext | None, cutoffs: Sequence[int], horizon_days: int
) -> PartitionSummary:
    """Check a partition, and count what the others need of it.

    Args: days: the chain's days; the rest of it is not known yet.  cutoffs: last days of a backtest's histories.
          horizon_days: the days ahead that are to be forecast.
    """
    tables, mapped = partition.tables(), partition.partitions.mapped
    return survey_tables(
        tables, partition.groups, mapped, days, partition.negatives, cutoffs=cutoffs, horizon_days=horizon_days
    )


def survey_tables(
    tables: Sequence[Table],
    groups: Mapping[str, str] | None,
    mapped: Mapped,
    days: ChainContext | None,
    negatives: Negatives = "refuse",
    *,
    cutoffs: Sequence[int] = (),
    horizon_days: int = 0,
) -> PartitionSummary:
    """See `survey`."""
    cleaned = clean(tables, groups, mapped, days, negatives)
    steps = frequency.rhythm_of(tables[0])
    summary = PartitionSummary(tuple(cleaned.report.problems), cleaned.ids, len(tables[0]), cleaned.faulty, steps)
    if cleaned.faulty is None or days is None or "y" not in tables[0].numbers or not len(summary.ids):
        return summary
    train, *others = cleaned.tables
    labels, own_groups = labels_of(cleaned.tables, mapped), groups_of(summary.ids, groups)
    history = panel(cleaned.tables, summary.ids, own_groups, replace(days, columns=columns_of(labels, mapped)))
    values = history.calendar.values
    summary = replace(
        summary,
        groups=own_groups,
        sold=bool(history.fitted_days().any()),
        notices=merged(
            [cleaned.notices, notices_of_stores(history, horizon_days), kinds_assumed(train), frequency.notices(steps)]
        ),
        labels=labels,
        kinds=kinds_seen(train, others, days.last_day),
        usual_numbers={name: usual_number(values[name]) for name in history.calendar.usual_numbers},
    )
    return _counted(summary, history, cutoffs)


def _counted(summary: PartitionSummary, history: History, cutoffs: Sequence[int]) -> PartitionSummary:
    """With what other partitions need, as it was known at the end of each cutoff and of the history."""
    known = {day: history.until(day) for day in cutoffs} | {history.last_day: history}
    # The days ahead tell of habits, too; a backtest does not go by them.
    n_days = {day: day - history.first_day + 1 for day in cutoffs}
    n_days[history.last_day] = history.calendar.last_day - history.first_day + 1
    habits = {
        day: habits_of(past.calendar, past.sales, n_days[day], told=past.open_told) for day, past in known.items()
    }
    return replace(
        summary,
        habits=habits,
        open_told=history.open_told,
        cells={day: baseline.cells_of(past) for day, past in known.items()},
        day_counts={
            group: day_counts(history.sales[history.groups == group], history.first_day)
            for group in np.unique(history.groups).tolist()
        },
    )


def chain_of(surveys: Iterable[PartitionSummary], days: ChainContext | None, mapped: Mapped) -> ChainContext:
    """What every partition needs of the rest, from all summaries; their order changes nothing.

    Raises: DataError: there are no days of sales, or a kind has too many values to be one.
    """
    if days is None:
        raise DataError("wanted at least one row of sales with a date, got none: is the file of sales empty?")
    parts = [part for part in surveys if len(part.ids)]
    ids = np.concatenate([part.ids for part in parts])
    order = natural_order(ids)

    def whole(arrays: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate(list(arrays))[order]

    groups = whole(part.groups for part in parts)
    snapshots = {}
    for day in parts[0].cells:
        habits = joined([part.habits[day] for part in parts]).rows(order)
        cells = baseline.Cells(*(whole(getattr(part.cells[day], name) for part in parts) for name in baseline.CELLS))
        snapshots[day] = ChainSnapshot(by_group(habits, groups), baseline.group_curves(groups, cells))
    labels = {name: set().union(*(part.labels[name] for part in parts)) for name in mapped.kinds}
    numbers = {
        name: number_of_chain(whole(part.usual_numbers[name] for part in parts)) for name in parts[0].usual_numbers
    }
    by_day = {
        group: np.sum([part.day_counts[group] for part in parts if group in part.day_counts], axis=0)
        for group in np.unique(groups).tolist()
    }
    quiet = {group: quiet_days(counts, days.first_day) for group, counts in by_day.items()}
    return replace(
        days,
        columns=columns_of(labels, mapped),
        usual_numbers=numbers,
        snapshots=snapshots,
        quiet=quiet,
        open_told=all(part.open_told for part in parts),
    )


def days_of(partitions: Partitions) -> ChainContext | None:
    """The days that a chain's tables span; None where no row of sales has a good one."""
    train, ahead = partitions.tables[TRAIN], partitions.tables.get(CALENDAR, Extent())
    return days_between((train.first_day, train.last_day), (ahead.first_day, ahead.last_day))


def days_between(sales: tuple[int | None, int | None], ahead: tuple[int | None, int | None]) -> ChainContext | None:
    """A chain of which only the days are known; None where no row of sales has a good one.

    A calendar that begins far from the sales is no calendar of theirs.
    """
    first, last = sales
    if first is None or last is None:
        return None
    begins, ends = ahead
    near = begins is not None and ends is not None and begins - last <= MAX_GAP_DAYS
    return ChainContext(first, last, max(last, ends) if near and ends is not None else last, (), {}, {})
