"""The reference engine: stock Prophet, one model a store, on joblib over all cores.

Prophet leaves files in the temporary directory at every fit, and its Stan package a folder a process. Here each worker
task has a directory of its own, removed with all that the task left.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from fleet import Design, Parameters
from fleet.arrays import FloatArray, IntArray, as_dates
from fleet.prophet_io import from_prophet
from training.engine import MIN_DAYS, MIN_DAYS_FOR_YEARLY, Fits, Priors, Progress, empty_parameters, put
from training.features import YEARLY, regressor_table
from training.history import History

CHANGEPOINTS = 25
STORES_A_TASK = 4


@dataclass(frozen=True)
class Task:
    """One store's fit: the days, the target on the fitted scale, and a matrix of the regressors that ever change."""

    row: int
    days: IntArray
    target: FloatArray
    regressors: dict[str, FloatArray]
    yearly: bool


@dataclass(frozen=True)
class StanEngine:
    """Stock Prophet on all cores. `workers`: processes; None is one a core."""

    workers: int | None = None
    name: str = "stan"

    def fit(self, history: History, design: Design, priors: Priors, progress: Progress) -> Fits:
        """See `Engine.fit`."""
        counts = history.fitted_days().sum(axis=1)
        rows = np.flatnonzero(counts >= MIN_DAYS)
        parameters = empty_parameters(len(counts), design, CHANGEPOINTS)
        failures: dict[int, str] = {}
        chunks = [rows[i : i + STORES_A_TASK] for i in range(0, len(rows), STORES_A_TASK)]
        jobs = (joblib.delayed(_fit_chunk)(list(_tasks(history, design, chunk)), design, priors) for chunk in chunks)
        pool = joblib.Parallel(n_jobs=self.workers or -1, return_as="generator_unordered", batch_size=1)
        for results in pool(jobs):
            for row, result in results:
                if isinstance(result, str):
                    failures[row] = result
                else:
                    put(parameters, row, *result)
            progress(len(results), sum(isinstance(result, str) for _, result in results))
        fitted = counts >= MIN_DAYS
        fitted[list(failures)] = False
        too_short = tuple(int(row) for row in np.flatnonzero(counts < MIN_DAYS))
        return Fits(parameters, fitted, too_short, dict(sorted(failures.items())))


def _tasks(history: History, design: Design, rows: IntArray) -> Iterator[Task]:
    columns = regressor_table(history.calendar, design, rows, history.days)
    counts = history.fitted_days()
    for place, row in enumerate(rows):
        on = counts[row]
        days = history.days[on]
        values = {r.name: column[place, on] for r, column in zip(design.regressors, columns, strict=True)}
        changing = {name: column for name, column in values.items() if column.min() != column.max()}
        span = int(days[-1] - days[0]) + 1
        yield Task(int(row), days, design.forward(history.sales[row, on]), changing, span >= MIN_DAYS_FOR_YEARLY)


def _fit_chunk(
    tasks: list[Task], design: Design, priors: Priors
) -> list[tuple[int, str | tuple[Parameters, list[int]]]]:
    """Fit some stores in this process; a reason in place of parameters where a fit failed."""
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).disabled = True  # two lines a fit; what goes wrong comes back as the store's reason
    results: list[tuple[int, str | tuple[Parameters, list[int]]]] = []
    with _scratch() as folder:
        for task in tasks:
            try:
                results.append((task.row, _fit_store(task, design, priors, folder)))
            except Exception as error:  # noqa: BLE001 - whatever Prophet raises, one store never stops the run
                results.append((task.row, f"{type(error).__name__}: {error}"[:200]))
    return results


def _fit_store(task: Task, design: Design, priors: Priors, folder: str) -> tuple[Parameters, list[int]]:
    from prophet import Prophet  # noqa: PLC0415 - half a second that only a fit needs

    model = Prophet(
        growth=design.growth,
        n_changepoints=CHANGEPOINTS,
        changepoint_prior_scale=priors.changepoint,
        yearly_seasonality=False,
        weekly_seasonality=False,
        daily_seasonality=False,
    )
    columns: list[int] = []
    place = 0
    for season in design.seasonalities:
        if season.name != YEARLY.name or task.yearly:
            model.add_seasonality(season.name, season.period_days, season.order, priors.seasonality, mode=season.mode)
            columns += range(place, place + 2 * season.order)
        place += 2 * season.order
    for index, regressor in enumerate(design.regressors):
        if regressor.name in task.regressors:
            standardize = regressor.rule == "number"
            model.add_regressor(regressor.name, priors.regressor, standardize=standardize, mode=regressor.mode)
            columns.append(place + index)
    frame = pd.DataFrame({"ds": as_dates(task.days).astype("datetime64[ns]"), "y": task.target, **task.regressors})
    model.fit(frame, output_dir=folder, seed=1)
    return from_prophet(model)[1], columns


@contextmanager
def _scratch() -> Iterator[str]:
    """A directory for one task; what the Stan package keeps beside it in this process goes too."""
    import cmdstanpy  # noqa: PLC0415 - comes with Prophet, and only a fit needs it

    private: Any = cmdstanpy
    kept = Path(private._TMPDIR)  # noqa: SLF001 - made at import, removed only at a regular exit, which a worker has not
    kept.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="storecast-fit-") as folder:
            yield folder
    finally:
        shutil.rmtree(kept, ignore_errors=True)
