"""A small chain read whole and fitted at once, without partitions: for benchmarks and tests."""

from dataclasses import replace
from pathlib import Path

from fleet import Design
from training.chain.read import check_surveys, open_inputs, placeable, whole_table
from training.chain.survey import chain_of, days_between, survey_tables
from training.checks.clean import clean
from training.checks.validate import Report
from training.engines.engine import Engine, Fits, FitSpec, Priors
from training.history.history import History
from training.history.panel import groups_of, panel
from training.sources.mapping import ROSSMANN, Mapped
from training.sources.tables import present_columns, table_of


def read_history(
    data: Path, stores: Path | None, calendar: Path | None, *, mapped: Mapped = ROSSMANN, problems_in: Path
) -> History:
    """Read and validate a small chain at once: its sales, its store table, its calendar of the days ahead.

    Raises: DataError: a source cannot be read, or rows cannot be trained on; one report names them all.
    """
    report = Report()
    inputs = open_inputs(report, data, stores, calendar, mapped)
    if not placeable(inputs):
        report.raise_if_any(problems_in)
    tables = []
    for name, source in inputs.tables().items():
        ours = present_columns(name, source, mapped)
        tables.append(table_of(whole_table(source, list(ours.values())).rename_columns(list(ours)), name, mapped))
    sales = tables[0].span() or (None, None)
    ahead = tables[1].span(after=sales[1]) if len(tables) > 1 and sales[1] is not None else None
    days = days_between(sales, ahead or (None, None))
    found = survey_tables(tables, inputs.groups, mapped, days)
    check_surveys(report, [found])
    report.raise_if_any(problems_in)
    chain = replace(chain_of([found], days, mapped), snapshots={})
    usable = clean(tables, inputs.groups, mapped, chain)
    return panel(usable.tables, usable.ids, groups_of(usable.ids, inputs.groups), chain)


def fit_once(engine: Engine, history: History, design: Design, priors: Priors) -> Fits:
    """Fit every store once, with one design."""
    (fits,) = engine.fit(history, design, [FitSpec(design, priors)])
    return fits
