"""A chain's sources: which tables and columns are there, and whether there is anything to train on."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from fleet.calendar import OPEN
from fleet.contents import FACTS
from training.chain.survey import PartitionSummary
from training.checks import frequency
from training.checks.validate import ID_RULES, MISSING, Problem, Report
from training.errors import DataError, HistoryUnreachableError
from training.history.panel import NO_GROUP
from training.sources.arrow_columns import read_words
from training.sources.base import Source
from training.sources.mapping import Mapped
from training.sources.open import open_source
from training.sources.tables import CALENDAR, STORES, TRAIN, mapped_columns

UNKNOWN_WORD = "?"

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Inputs:
    """What a chain is read from. `groups`: store -> group, by the store table; None without one."""

    train: Source
    ahead: Source | None
    groups: Mapping[str, str] | None
    mapped: Mapped

    def tables(self) -> dict[str, Source]:
        """By name."""
        return {TRAIN: self.train} | ({CALENDAR: self.ahead} if self.ahead else {})


def open_inputs(
    report: Report,
    data: Path,
    stores: Path | None,
    calendar: Path | None,
    mapped: Mapped,
    environ: Mapping[str, str] = os.environ,
) -> Inputs:
    """Open a chain's sources, and report the columns that are missing.

    Raises: DataError: sources cannot be read; it names them all.
    """
    sources = _opened({TRAIN: data, CALENDAR: calendar, STORES: stores}, environ)
    groups = read_groups(report, sources[STORES], mapped) if stores else None
    inputs = Inputs(sources[TRAIN], sources.get(CALENDAR), groups, mapped)
    for name, source in inputs.tables().items():
        for ours, theirs in mapped_columns(name, mapped).items():
            # A calendar may be the only one to say when stores open, of past days too.
            in_calendar = name == TRAIN and inputs.ahead is not None and theirs in inputs.ahead.column_names
            if theirs not in source.column_names and not (in_calendar and ours == OPEN):
                came = _columns(source)
                if in_calendar:
                    came += "; the calendar has it, and the history needs it too: join it by store and day"
                report.table(name, ours, f"{MISSING} {theirs!r}", came)
    return inputs


def _columns(source: Source) -> str:
    """What a source has in place of a column."""
    names = source.column_names
    for mark, word in _SEPARATORS.items():
        if len(names) == 1 and mark in names[0]:
            return f"one column {names[0]!r}: the file is separated by {word}, save it with commas"
    return f"columns {', '.join(names)}"


def _opened(paths: Mapping[str, Path | None], environ: Mapping[str, str]) -> dict[str, Source]:
    sources, unreadable = {}, []
    for name, path in paths.items():
        if path is None:
            continue
        try:
            sources[name] = open_source(path, environ)
        except HistoryUnreachableError:
            raise
        except DataError as error:
            unreadable.append(error)
    if len(unreadable) == 1:
        raise unreadable[0]
    if unreadable:
        raise DataError("\n  ".join(["several files cannot be read:", *map(str, unreadable)]))
    return sources


def placeable(inputs: Inputs) -> bool:
    """Every table says which store and which day; without these its rows cannot even be checked."""
    needed = {inputs.mapped.store_id, inputs.mapped.ds}
    return all(needed <= set(source.column_names) for source in inputs.tables().values())


def read_groups(report: Report, source: Source, mapped: Mapped) -> dict[str, str]:
    """Group of each store, by id."""
    wanted = list(dict.fromkeys((mapped.stores_id, *mapped.group)))
    missing = [name for name in wanted if name not in source.column_names]
    for name in missing:
        report.table(STORES, name, f"{MISSING} {name!r}", f"columns {', '.join(source.column_names)}")
    if missing:
        return {}
    table = whole_table(source, wanted)
    ids = read_words(table[mapped.stores_id])
    columns = [read_words(table[name]) for name in mapped.group]
    groups: dict[str, str] = {}
    for row, code in enumerate(ids.codes.tolist()):
        store_id = ids.words[code] if code >= 0 else ""
        if code < 0 or store_id in groups:
            wanted_row = "wanted one row a store" if store_id else "wanted a store id"
            report.of_all = True
            report.problems.append(Problem(STORES, store_id, "", "store_id", wanted_row, f"row {row + 1}"))
            continue
        words = [column.words[column.codes[row]] if column.codes[row] >= 0 else UNKNOWN_WORD for column in columns]
        groups[store_id] = "/".join(words) if words else NO_GROUP
        unfit = list(_unfit(store_id, groups[store_id]))
        report.of_all = report.of_all or bool(unfit)
        report.problems += unfit
    return groups


def _unfit(store_id: str, group: str) -> Iterator[Problem]:
    """Why a fleet cannot keep a store's name or its group's."""
    for what, fits in ID_RULES.items():
        if not fits(store_id):
            yield Problem(STORES, store_id, "", "store_id", what, store_id)
    most = FACTS["group"].itemsize
    # What is cut off would make one group of two.
    if len(group.encode()) > most:
        wanted = f"wanted a group of at most {most} bytes in UTF-8: shorten its values, or name fewer columns"
        yield Problem(STORES, store_id, "", "group", wanted, group)


def check_surveys(report: Report, surveys: Sequence[PartitionSummary]) -> None:
    """Take over the parts' problems, and see that there is something to train on at all.

    Sales that are not daily are the one problem then: what else is wrong with their rows comes from it.
    """
    if frequency.check(report, [found.rhythm for found in surveys]):
        return
    for found in surveys:
        report.problems.extend(found.problems)
    if not any(found.n_rows for found in surveys):
        report.table(TRAIN, "store_id", "wanted at least one row", "none")
    elif not report.problems:
        check_sold(report, surveys)


def check_sold(report: Report, surveys: Sequence[PartitionSummary]) -> None:
    """See that something was sold on some day."""
    if not any(found.sold for found in surveys):
        report.table(TRAIN, "y", "wanted at least one open day with sales", "none")


def whole_table(source: Source, columns: Sequence[str]) -> pa.Table:
    """Some columns of a small table, all of its rows at once."""
    batches = list(source.batches(columns))
    return (
        pa.Table.from_batches(batches) if batches else pa.table({name: pa.array([], pa.string()) for name in columns})
    )
