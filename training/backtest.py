"""One split by a common cutoff: fit on what was known then, forecast the days after, judge against what came.

The naive baseline is judged on the same days, so that a model's worth is seen, not assumed.
"""

from dataclasses import dataclass

import numpy as np

from fleet import Design, Fleet
from fleet.arrays import BoolArray, FloatArray, as_dates
from training import metrics
from training.assemble import assemble
from training.engine import Engine, Priors, Progress
from training.errors import DataError
from training.history import History

MIN_HISTORY_DAYS = 60
LEVEL = 0.8


@dataclass(frozen=True)
class Backtest:
    """What a backtest found. `by_store`: score name -> (n_stores,), NaN where no day counts; `chain`: score -> number.

    `n_better`, `n_judged`: stores whose model beats the baseline's WAPE, and stores with a model that were judged.
    """

    cutoff: np.datetime64
    horizon_days: int
    by_store: dict[str, FloatArray]
    chain: dict[str, float]
    n_better: int
    n_judged: int


def backtest(
    history: History, design: Design, engine: Engine, priors: Priors, horizon_days: int, progress: Progress
) -> Backtest:
    """Judge the engine on the last `horizon_days` known days.

    Raises: DataError: the history is too short to hold that many days back.
    """
    n_days = history.sales.shape[1]
    if n_days < MIN_HISTORY_DAYS + horizon_days:
        raise DataError(
            f"wanted at least {MIN_HISTORY_DAYS + horizon_days} days of history to hold {horizon_days} back, "
            f"got {n_days}: give more, or fewer days with --test-days (0 for none)"
        )
    cutoff = history.last_day - horizon_days
    known = history.until(cutoff)
    fits = engine.fit(known, design, priors, progress)
    fleet = Fleet.from_contents(assemble(known, design, fits, engine=engine.name, priors=priors))
    dates = as_dates(np.arange(cutoff + 1, history.last_day + 1))
    naive = fleet.fallback(history.store_ids, dates, LEVEL)
    value, lower, upper = (part.copy() for part in (naive.value, naive.lower, naive.upper))
    modelled = [store_id for store_id, fitted in zip(history.store_ids, fits.fitted, strict=True) if fitted]
    if modelled:
        ours = fleet.predict(modelled, dates, LEVEL)
        value[fits.fitted], lower[fits.fitted], upper[fits.fitted] = ours.value, ours.lower, ours.upper
    actual, counts = history.sales[:, -horizon_days:], history.fitted_days()[:, -horizon_days:]
    actual = np.where(counts, actual, 0.0)
    return _judge(as_dates(np.array([cutoff]))[0], fits.fitted, (value, lower, upper), naive.value, actual, counts)


def _judge(
    cutoff: np.datetime64,
    fitted: BoolArray,
    ours: tuple[FloatArray, FloatArray, FloatArray],
    naive: FloatArray,
    actual: FloatArray,
    counts: BoolArray,
) -> Backtest:
    value, lower, upper = ours
    by_store = {name: metric(value, actual, counts) for name, metric in metrics.METRICS.items()}
    by_store |= {f"baseline_{name}": metric(naive, actual, counts) for name, metric in metrics.METRICS.items()}
    chain = {name: metrics.chain(metric, value, actual, counts) for name, metric in metrics.METRICS.items()}
    for name, metric in metrics.METRICS.items():
        chain[f"baseline_{name}"] = metrics.chain(metric, naive, actual, counts)
    bounds = (lower.reshape(1, -1), upper.reshape(1, -1))
    chain["coverage_80"] = float(metrics.coverage(*bounds, actual.reshape(1, -1), counts.reshape(1, -1))[0])
    judged = fitted & np.isfinite(by_store["wape"])
    better = judged & (by_store["wape"] < by_store["baseline_wape"])
    return Backtest(cutoff, value.shape[1], by_store, chain, int(better.sum()), int(judged.sum()))
