"""Fitting a whole chain: the batched engine, prophet-batch and a pool of stock Prophet, in one run.

    python benchmarks/fit.py                              # 1,115 synthetic stores x 942 days
    python benchmarks/fit.py --rossmann DIR               # the real chain: train.csv.gz, store.csv, calendar.csv.gz
    python benchmarks/fit.py --stores 200 --stan-stores 40

Same stores, columns and priors for all. The first two run on one core, stock Prophet on all of them, by default on a
sample of the stores whose time is scaled to the chain. Each runs in a process of its own, so that its peak memory is
its own. Timed is the fit: of ours from the history and the calendar on, of prophet-batch from its finished table of
columns on. Afterwards each result is judged by Prophet's log posterior, worked out here from the residuals.
"""

import argparse
import datetime as dt
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor

from benchmarks.small_chains import fit_once, read_history
from fleet import Design, Parameters
from fleet.arrays import FloatArray, as_dates
from fleet.prophet.convert import from_prophet
from training.engines.batched import BatchedEngine
from training.engines.design_groups import DesignGroup, design_groups
from training.engines.engine import CHANGEPOINTS, Engine, Priors, empty_parameters, put
from training.engines.features import design_of
from training.engines.stan import StanEngine
from training.history.history import History
from training.synth import write_chain

FIRST_DAY, N_DAYS, SEED = dt.date(2013, 1, 1), 942, 1
PRIORS = Priors()
R = TypeVar("R")
METHODS = {"batched": "ours, one core", "prophet-batch": "prophet-batch, one core", "stan": "stock Prophet, all cores"}


@dataclass(frozen=True)
class Run:
    """What one process found. `posterior`: store id -> log posterior without constants."""

    seconds: float
    cpu_seconds: float
    first_seconds: float
    before_mb: float
    peak_mb: float
    posterior: dict[str, float]


def peak_mb() -> float:
    """Largest resident memory so far, of this process and of the largest of its ended children."""
    get_reusable_executor().shutdown(wait=True)
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def history_of(folder: Path) -> History:
    """The chain in that folder, plain or compressed."""
    ending = ".csv.gz" if (folder / "train.csv.gz").exists() else ".csv"
    return read_history(
        folder / f"train{ending}", folder / "store.csv", folder / f"calendar{ending}", problems_in=folder
    )


def some_stores(history: History, n_stores: int) -> History:
    """Stores spread evenly over the chain, as a chain of their own."""
    at = np.unique(np.linspace(0, len(history.store_ids) - 1, n_stores).round().astype(int))
    return history.rows(at)


def timed(work: Callable[[], R]) -> tuple[float, float, R]:
    """Seconds by the clock, seconds of this process on a core, and the result."""
    begun, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - begun, time.process_time() - cpu, result


def fit_with_engine(engine: Engine, history: History, design: Design) -> tuple[float, float, Parameters]:
    """Times and parameters of one of our engines."""
    seconds, cpu, fits = timed(lambda: fit_once(engine, history, design, PRIORS))
    return seconds, cpu, fits.parameters


def fit_with_peer(history: History, design: Design) -> tuple[float, float, Parameters]:
    """Times of `prophet_batch.fit_many` from its table on, and its parameters in our columns."""
    import prophet_batch  # noqa: PLC0415 - not in the other methods' memory

    by_row = {row: group for group in design_groups(history, design) for row in group.rows.tolist()}
    table = pd.concat([_rows(history, design, group, row) for row, group in sorted(by_row.items())])
    seconds, cpu, models = timed(
        lambda: prophet_batch.fit_many(
            table, id_col="row", make_model=lambda row: _model(design, by_row[row]), n_jobs=1
        )
    )
    parameters = empty_parameters(len(history.store_ids), design, CHANGEPOINTS)
    for row, model in models.items():
        put(parameters, int(row), from_prophet(model)[1], by_row[row].beta_columns.tolist())
    return seconds, cpu, parameters


def _rows(history: History, design: Design, group: DesignGroup, row: int) -> pd.DataFrame:
    sales = history.sales[row, group.places]
    names = [design.regressors[place].name for place in group.regressors]
    ds = as_dates(group.days).astype("datetime64[ns]")
    columns = dict(zip(names, group.values, strict=True))
    return pd.DataFrame({"row": row, "ds": ds, "y": design.forward(sales), **columns})


def _model(design: Design, group: DesignGroup) -> object:
    from prophet import Prophet  # noqa: PLC0415 - not in the other methods' memory

    model = Prophet(
        changepoint_prior_scale=PRIORS.changepoint,
        yearly_seasonality=False,
        weekly_seasonality=False,
        daily_seasonality=False,
    )
    for season in group.seasonalities:
        model.add_seasonality(season.name, season.period_days, season.order, PRIORS.seasonality)
    for place in group.regressors:
        regressor = design.regressors[place]
        model.add_regressor(regressor.name, PRIORS.regressor, standardize=regressor.rule == "number")
    return model


def posteriors(history: History, design: Design, parameters: Parameters) -> dict[str, float]:
    """Prophet's log posterior of each fitted store that has an optimum, by store id, from the residuals."""
    found = {}
    for group in design_groups(history, design):
        waves = [season.matrix(group.days).T for season in group.seasonalities]
        for row in group.rows.tolist():
            one = parameters.rows(np.array([row]))
            if one.scalar("sigma_obs")[0, 0] > 1e-5:  # noqa: PLR2004 - a store without noise has none
                found[history.store_ids[row]] = _posterior(history, design, group, waves, one, row)
    return found


def _posterior(
    history: History, design: Design, group: DesignGroup, waves: list[FloatArray], one: Parameters, row: int
) -> float:
    at = group.regressors
    regressors = (group.values - one.centre[0, at, None]) / one.spread[0, at, None]  # noqa: PD011 - no frame
    beta = one.beta[0, group.beta_columns]
    k, m, sigma, y_scale = (float(one.scalar(name)[0, 0]) for name in ("k", "m", "sigma_obs", "y_scale"))
    t = one.times(group.days)[0]
    hinges = np.maximum(t - np.where(np.isfinite(one.changepoints_t), one.changepoints_t, 1.0).T, 0.0)
    model = k * t + m + one.delta[0] @ hinges + beta @ np.concatenate([*waves, regressors])
    residual = design.forward(history.sales[row, group.places]) / y_scale - model
    scales = np.full(len(beta), PRIORS.regressor)
    scales[: len(beta) - len(at)] = PRIORS.seasonality
    held = (k**2 + m**2) / 50 + 2 * sigma**2 + np.abs(one.delta).sum() / PRIORS.changepoint
    return float(
        -len(t) * np.log(sigma) - residual @ residual / (2 * sigma**2) - held - ((beta / scales) ** 2).sum() / 2
    )


def run_method(method: str, folder: Path, n_stores: int) -> Run:
    """Fit in this process, after a small fit that compiles and imports."""
    logging.disable(logging.WARNING)
    history = history_of(folder)
    history = some_stores(history, min(n_stores, len(history.store_ids)))
    design = design_of(history.calendar.columns)
    engines: dict[str, Engine] = {"batched": BatchedEngine(), "stan": StanEngine()}

    def fit(some: History) -> tuple[float, float, Parameters]:
        return fit_with_engine(engines[method], some, design) if method in engines else fit_with_peer(some, design)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    fit(some_stores(history, 2))
    first = time.perf_counter() - begun
    seconds, cpu, parameters = fit(history)
    peak = peak_mb()  # before the posteriors, which are no part of the fit
    return Run(seconds, cpu, first, before, peak, posteriors(history, design, parameters))


def started(method: str, folder: Path, n_stores: int) -> Run:
    """Run a method in a process of its own; on one core, except stock Prophet."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, __file__, "--method", method, "--folder", str(folder), "--stores", str(n_stores)]
    if method != "stan":
        environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def table(runs: dict[str, Run], sizes: dict[str, int], n_stores: int) -> None:
    """Print what was found."""
    ours = runs["batched"]
    print(f"{n_stores} stores; times of fewer are scaled to all of them; first fit: of two stores, imports included")
    print(
        f"{'':26}{'stores':>8}{'seconds':>10}{'ratio':>8}{'CPU s':>9}{'first fit':>11}{'peak MB':>9}{'read MB':>9}",
        end="",
    )
    print(f"{'posterior below ours: least, most':>36}")
    for method, run in runs.items():
        scale = n_stores / sizes[method]
        seconds = run.seconds * scale
        gains = [ours.posterior[store] - value for store, value in run.posterior.items() if store in ours.posterior]
        print(f"{METHODS[method]:26}{sizes[method]:8}{seconds:10.2f}{seconds / ours.seconds:8.1f}", end="")
        print(f"{f'{run.cpu_seconds:.2f}' if method != 'stan' else '':>9}", end="")
        print(f"{run.first_seconds:11.2f}{run.peak_mb:9.0f}{run.before_mb:9.0f}", end="")
        print(f"{f'{min(gains):.1e}, {max(gains):.1e}':>36}")


def main() -> None:
    """Print the table; with `--method`, be one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=int, default=1115)
    parser.add_argument("--stan-stores", type=int, default=100)
    parser.add_argument("--rossmann", type=Path)
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.method:
        print(json.dumps(asdict(run_method(args.method, args.folder, args.stores))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.rossmann or Path(scratch) / "chain"
        if not args.rossmann:
            write_chain(folder, args.stores, N_DAYS, first=FIRST_DAY, seed=SEED)
        sizes = {"batched": args.stores, "prophet-batch": args.stores, "stan": min(args.stan_stores, args.stores)}
        runs = {method: started(method, folder, size) for method, size in sizes.items()}
    table(runs, sizes, args.stores)


if __name__ == "__main__":
    main()
