"""Fits, calendar and fallback of a chain, put together as the contents of a fleet."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fleet import Design, FleetContents
from fleet.arrays import AnyArray, BoolArray, FloatArray, IntArray
from fleet.contents import FACTS, RECENT_DAYS
from fleet.features import CLOSURE_REACH_DAYS, padded_window
from training.engines.engine import Fits
from training.history import baseline
from training.history.history import History

SCORES = (
    *("rmspe", "wape", "bias", "baseline_rmspe", "baseline_wape", "baseline_bias"),
    *("mase", "coverage_80", "width_80", "model_wape"),
)
LOST = "the naive baseline forecasts it better than its model"
TOO_SHORT = "too few open days for a model"


@dataclass(frozen=True)
class Verdict:
    """What a backtest adds to a fleet. `scores`: name of `SCORES` -> (n_stores,), NaN where a store was not judged.

    `variants`: (n_stores,) how each store was fitted.  `loses`: (n_stores,) the baseline answers in place of the model.
    `interval_quantiles`, `fallback_quantiles`, `ratio_bounds`: as a fleet keeps them.
    """

    scores: Mapping[str, FloatArray]
    variants: npt.NDArray[np.str_]
    loses: BoolArray
    interval_quantiles: FloatArray
    fallback_quantiles: FloatArray
    ratio_bounds: FloatArray | None


def assemble(history: History, design: Design, fits: Fits, *, engine: str, settings: dict[str, Any]) -> FleetContents:
    """The fleet of one training that nobody has judged: all fitted stores have models, under the normal's widths."""
    curves = baseline.curves(history)
    return FleetContents(
        store_ids=history.store_ids,
        design=design,
        parameters=fits.parameters,
        calendar=history.calendar,
        has_model=fits.fitted,
        fallback=curves.sales,
        fallback_sigma=curves.noise,
        fallback_level=curves.level,
        recent_sales=_recent_sales(history),
        facts=_facts(history, fits),
        trained_through=history.last_day,
        engine=engine,
        settings=settings,
    )


def with_verdict(contents: FleetContents, verdict: Verdict) -> FleetContents:
    """The same fleet as its backtest wants it: measured widths, and no model where the baseline is better."""
    facts: Any = contents.facts.copy()
    for name in SCORES:
        facts[name] = verdict.scores[name]
    facts["variant"] = np.char.encode(verdict.variants, "utf-8")
    facts["failure"][contents.has_model & verdict.loses] = LOST.encode()
    return replace(
        contents,
        has_model=contents.has_model & ~verdict.loses,
        facts=facts,
        interval_quantiles=verdict.interval_quantiles,
        fallback_quantiles=verdict.fallback_quantiles,
        ratio_bounds=verdict.ratio_bounds,
    )


def _recent_sales(history: History) -> FloatArray:
    sales = np.where(history.fitted_days(), history.sales, np.nan)[:, -RECENT_DAYS:]
    padding = np.full((len(sales), RECENT_DAYS - sales.shape[1]), np.nan)
    return np.concatenate([padding, sales], axis=1)


def _facts(history: History, fits: Fits) -> AnyArray:
    counts = history.fitted_days()
    n_days = counts.sum(axis=1)
    facts = np.zeros(len(counts), dtype=FACTS)
    facts["n_days"] = n_days
    first, last = _first_and_last(counts)
    facts["trained_from"] = np.where(n_days > 0, history.first_day + first, 0)
    facts["trained_through"] = np.where(n_days > 0, history.first_day + last, 0)
    for name in SCORES:
        facts[name] = np.nan
    facts["group"] = np.char.encode(history.groups, "utf-8")
    facts["data_hash"] = data_hashes(history)
    for row, reason in fits.failures.items():
        facts["failure"][row] = _cut(reason, FACTS["failure"].itemsize)
    facts["failure"][list(fits.too_short)] = TOO_SHORT.encode()
    return facts


def _first_and_last(counts: BoolArray) -> tuple[IntArray, IntArray]:
    """(n_stores,) the first and the last day that counts, of a store that has one."""
    return np.argmax(counts, axis=1), counts.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)


def _cut(text: str, most: int) -> bytes:
    """The beginning of a text in at most so many bytes of UTF-8, no character torn."""
    return text.encode()[:most].decode(errors="ignore").encode()


def data_hashes(history: History) -> list[bytes]:
    """Content hash of each store, of all that its fit sees: equal hashes, equal fits.

    That is from its first fitted day to its last, and as far around them as features look; neither the chain's other
    days nor later plans change it. A store without a fitted day has an empty one.
    """
    counts = history.fitted_days()
    first, last = _first_and_last(counts)
    window = padded_window(history.calendar, np.arange(len(counts)), history.first_day, history.last_day, None)
    plain = repr([(column.name, column.type, column.labels) for column in history.calendar.columns])
    hashes = []
    for row in range(len(counts)):
        if not counts[row, first[row]]:
            hashes.append(b"")
            continue
        day = history.first_day + int(first[row])
        digest = hashlib.sha256(repr((day, plain, str(history.groups[row]))).encode())
        digest.update(np.ascontiguousarray(history.sales[row, first[row] : last[row] + 1]).tobytes())
        digest.update(window.usual_open[row].tobytes())
        for name in sorted(window.columns):
            seen = window.columns[name][row, first[row] : last[row] + 1 + 2 * CLOSURE_REACH_DAYS]
            digest.update(np.ascontiguousarray(seen).tobytes())
        hashes.append(digest.hexdigest()[:32].encode())
    return hashes
