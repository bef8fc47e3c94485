"""Fits, calendar and fallback of a chain, put together as the contents of a fleet."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleet import Design, FleetContents
from fleet.arrays import AnyArray, BoolArray, FloatArray
from fleet.contents import FACTS, RECENT_DAYS
from training import baseline
from training.engine import Fits
from training.history import History

SCORES = (
    *("rmspe", "wape", "bias", "baseline_rmspe", "baseline_wape", "baseline_bias"),
    *("mase", "coverage_80", "width_80"),
)
LOST = "the naive baseline forecasts it better than its model"
TOO_SHORT = "too few open days for a model"


@dataclass(frozen=True)
class Verdict:
    """What a backtest adds to a fleet. `scores`: name of `SCORES` -> (n_stores,), NaN where a store was not judged.

    `variants`: (n_stores,) how each store was fitted.  `loses`: (n_stores,) the baseline answers in place of the model.
    `interval_quantiles`, `fallback_quantiles`: as a fleet keeps them.
    """

    scores: Mapping[str, FloatArray]
    variants: npt.NDArray[np.str_]
    loses: BoolArray
    interval_quantiles: FloatArray
    fallback_quantiles: FloatArray


def assemble(
    history: History,
    design: Design,
    fits: Fits,
    *,
    engine: str,
    settings: dict[str, Any],
    verdict: Verdict | None = None,
) -> FleetContents:
    """The fleet of one training; without a verdict all fitted stores keep their models, under the normal's widths."""
    curves, spread = baseline.curves(history)
    return FleetContents(
        store_ids=history.store_ids,
        design=design,
        parameters=fits.parameters,
        calendar=history.calendar,
        has_model=fits.fitted & ~verdict.loses if verdict else fits.fitted,
        fallback=curves,
        fallback_sigma=spread,
        recent_sales=_recent_sales(history),
        facts=_facts(history, fits, verdict),
        trained_through=history.last_day,
        engine=engine,
        settings=settings,
        interval_quantiles=verdict.interval_quantiles if verdict else None,
        fallback_quantiles=verdict.fallback_quantiles if verdict else None,
    )


def _recent_sales(history: History) -> FloatArray:
    sales = np.where(history.fitted_days(), history.sales, np.nan)[:, -RECENT_DAYS:]
    padding = np.full((len(sales), RECENT_DAYS - sales.shape[1]), np.nan)
    return np.concatenate([padding, sales], axis=1)


def _facts(history: History, fits: Fits, verdict: Verdict | None) -> AnyArray:
    counts = history.fitted_days()
    n_days = counts.sum(axis=1)
    facts = np.zeros(len(counts), dtype=FACTS)
    facts["n_days"] = n_days
    first, last = np.argmax(counts, axis=1), counts.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)
    facts["trained_from"] = np.where(n_days > 0, history.first_day + first, 0)
    facts["trained_through"] = np.where(n_days > 0, history.first_day + last, 0)
    for name in SCORES:
        facts[name] = verdict.scores[name] if verdict else np.nan
    facts["group"] = np.char.encode(history.groups, "utf-8")
    facts["data_hash"] = [data_hash(history, row) for row in range(len(counts))]
    if verdict:
        facts["variant"] = np.char.encode(verdict.variants, "utf-8")
        facts["failure"][fits.fitted & verdict.loses] = LOST.encode()
    for row, reason in fits.failures.items():
        facts["failure"][row] = reason.encode()[: FACTS["failure"].itemsize]
    facts["failure"][list(fits.too_short)] = TOO_SHORT.encode()
    return facts


def data_hash(history: History, row: int) -> bytes:
    """Content hash of all that is known of one store: equal hashes, equal fits."""
    calendar = history.calendar
    digest = hashlib.sha256(repr((calendar.first_day, calendar.columns)).encode())
    known = [history.sales, calendar.usual_open]
    known += [values[name] for values in (calendar.values, calendar.usual_numbers) for name in sorted(values)]
    for values in known:
        digest.update(np.ascontiguousarray(values[row]).tobytes())
    return digest.hexdigest()[:32].encode()
