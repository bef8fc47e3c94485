"""Fits, calendar and fallback of a chain, put together as the contents of a fleet."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from fleet import Design, FleetContents
from fleet.arrays import AnyArray, FloatArray
from fleet.contents import FACTS, RECENT_DAYS
from training import baseline
from training.engine import Fits, Priors
from training.history import History

SCORES = ("rmspe", "wape", "bias", "baseline_rmspe", "baseline_wape", "baseline_bias")


def assemble(
    history: History,
    design: Design,
    fits: Fits,
    *,
    engine: str,
    priors: Priors,
    scores: Mapping[str, FloatArray] | None = None,
) -> FleetContents:
    """The fleet of one training; `scores`: name of `SCORES` -> (n_stores,), NaN where a store was not judged."""
    curves, spread = baseline.curves(history)
    settings: dict[str, Any] = {"priors": asdict(priors), "baseline_window_days": baseline.WINDOW_DAYS}
    return FleetContents(
        store_ids=history.store_ids,
        design=design,
        parameters=fits.parameters,
        calendar=history.calendar,
        has_model=fits.fitted,
        fallback=curves,
        fallback_sigma=spread,
        recent_sales=_recent_sales(history),
        facts=_facts(history, fits, scores or {}),
        trained_through=history.last_day,
        engine=engine,
        settings=settings,
    )


def _recent_sales(history: History) -> FloatArray:
    sales = np.where(history.fitted_days(), history.sales, np.nan)[:, -RECENT_DAYS:]
    padding = np.full((len(sales), RECENT_DAYS - sales.shape[1]), np.nan)
    return np.concatenate([padding, sales], axis=1)


def _facts(history: History, fits: Fits, scores: Mapping[str, FloatArray]) -> AnyArray:
    counts = history.fitted_days()
    n_days = counts.sum(axis=1)
    facts = np.zeros(len(counts), dtype=FACTS)
    facts["n_days"] = n_days
    first, last = np.argmax(counts, axis=1), counts.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)
    facts["trained_from"] = np.where(n_days > 0, history.first_day + first, 0)
    facts["trained_through"] = np.where(n_days > 0, history.first_day + last, 0)
    for name in SCORES:
        facts[name] = scores.get(name, np.nan)
    facts["group"] = np.char.encode(history.groups, "utf-8")
    facts["data_hash"] = [data_hash(history, row) for row in range(len(counts))]
    for row, reason in fits.failures.items():
        facts["failure"][row] = reason.encode()[: FACTS["failure"].itemsize]
    facts["failure"][list(fits.too_short)] = b"too few open days for a model"
    return facts


def data_hash(history: History, row: int) -> bytes:
    """Content hash of all that is known of one store: equal hashes, equal fits."""
    digest = hashlib.sha256(np.ascontiguousarray(history.sales[row]).tobytes())
    for name in sorted(history.calendar.values):
        digest.update(np.ascontiguousarray(history.calendar.values[name][row]).tobytes())
    return digest.hexdigest()[:32].encode()
