"""The reference engine: stock Prophet, one model a store, on joblib over all cores.

Prophet leaves files in the temporary directory at every fit, and its Stan package a folder a process. Here each worker
task has a directory of its own, removed with all that the task left.
"""

import logging
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from fleet import Design, Parameters
from fleet.arrays import FloatArray, as_dates
from fleet.prophet.convert import from_prophet
from training.engines.design_groups import DesignGroup, design_groups
from training.engines.engine import CHANGEPOINTS, Fits, FitSpec, Priors, empty_parameters, fits_of, put
from training.errors import DataError
from training.history.history import History

STORES_A_TASK = 4
MAIN_PROCESS = "MainProcess"


@dataclass(frozen=True)
class Task:
    """One store's fit: its design group, and its target on the fitted scale."""

    row: int
    group: DesignGroup
    target: FloatArray


@dataclass(frozen=True)
class StanEngine:
    """Stock Prophet on all cores. `workers`: processes; None is one a core."""

    workers: int | None = None
    name: str = "stan"

    def fit(self, history: History, design: Design, specs: Sequence[FitSpec]) -> list[Fits]:  # noqa: ARG002 - stock Prophet shares nothing
        """See `Engine.fit`.

        Raises: DataError: a half-life, which Prophet's likelihood does not know.
        """
        return [self._fit(history, spec.design, spec.priors) for spec in specs]

    def _fit(self, history: History, design: Design, priors: Priors) -> Fits:
        if priors.half_life_days is not None:
            raise DataError("the stan engine weighs all days alike: leave the half-life out, or use --engine batched")
        n_stores = len(history.store_ids)
        parameters = empty_parameters(n_stores, design, CHANGEPOINTS)
        fitted = np.zeros(n_stores, dtype=np.bool_)
        failures: dict[int, str] = {}
        # The folder is this process's: it is removed even where the workers are ended in the middle of their fits.
        with tempfile.TemporaryDirectory(prefix="storecast-fit-") as folder:
            chunks = _chunks(_tasks(history, design))
            jobs = (joblib.delayed(_fit_chunk)(chunk, design, priors, folder) for chunk in chunks)
            pool = joblib.Parallel(n_jobs=self.workers or -1, return_as="generator_unordered", batch_size=1)
            for results in pool(jobs):
                for row, result in results:
                    if isinstance(result, str):
                        failures[row] = result
                    else:
                        put(parameters, row, *result)
                        fitted[row] = True
        return fits_of(parameters, fitted, failures)


def _tasks(history: History, design: Design) -> Iterator[Task]:
    for group in design_groups(history, design):
        for row, target in zip(group.rows.tolist(), group.target(history, design), strict=True):
            yield Task(row, group, target)


def _chunks(tasks: Iterator[Task]) -> Iterator[list[Task]]:
    while chunk := list(islice(tasks, STORES_A_TASK)):
        yield chunk


def _fit_chunk(
    tasks: list[Task], design: Design, priors: Priors, scratch: str
) -> list[tuple[int, str | tuple[Parameters, list[int]]]]:
    """Fit some stores in this process, with files in `scratch`; a reason in place of parameters where a fit failed."""
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).disabled = True  # two lines a fit; what goes wrong comes back as the store's reason
    results: list[tuple[int, str | tuple[Parameters, list[int]]]] = []
    with _scratch(scratch) as folder:
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
    group = task.group
    for season in group.seasonalities:
        model.add_seasonality(season.name, season.period_days, season.order, priors.seasonality, mode=season.mode)
    frame = pd.DataFrame({"ds": as_dates(group.days).astype("datetime64[ns]"), "y": task.target})
    for place, values in zip(group.regressors.tolist(), group.values, strict=True):
        regressor = design.regressors[place]
        standardize = regressor.rule == "number"
        model.add_regressor(regressor.name, priors.regressor, standardize=standardize, mode=regressor.mode)
        frame[regressor.name] = values
    model.fit(frame, output_dir=folder, seed=1)
    return from_prophet(model)[1], group.beta_columns.tolist()


@contextmanager
def _scratch(parent: str) -> Iterator[str]:
    """A directory for one task; what the Stan package keeps beside it in this process goes too."""
    import cmdstanpy  # noqa: PLC0415 - comes with Prophet, and only a fit needs it

    private: Any = cmdstanpy
    kept = Path(private._TMPDIR)  # noqa: SLF001 - made at import, removed only at a regular exit, which a worker has not
    kept.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            yield folder
    finally:
        # In the caller's own process the next fit wants the folder, and a regular exit removes it.
        if multiprocessing.current_process().name != MAIN_PROCESS:
            shutil.rmtree(kept, ignore_errors=True)
