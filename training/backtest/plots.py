"""Pictures of a backtest for the run's page: best and worst stores, coverage by horizon, scores by group."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fleet.arrays import FloatArray
from training.backtest import metrics
from training.backtest.evaluate import Evaluation
from training.backtest.judge import LEVEL, Judged
from training.backtest.scores import GroupScores

SHOWN = 3
"""Stores of each kind, best and worst."""

_MOST_GROUPS = 20
_SALES, _FORECAST, _BASELINE = "#333333", "#0b6fa4", "#b0b0b0"
_DPI = 80
_INCHES_A_LETTER = 0.15  # as wide as a W


def plot(folder: Path, evaluated: Evaluation, store_ids: Sequence[str]) -> None:
    """Write three small PNG files to a folder."""
    judged, horizon = evaluated.judged, evaluated.scores.horizon_days
    # An id or a group may have dollar signs, which are no formula, and letters that the font does not have.
    with rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        stores = _stores(judged, store_ids, evaluated.verdict.scores["wape"], horizon)
        _save(stores, folder / "best_and_worst_stores.png")
        _save(_coverage(judged, horizon), folder / "coverage_by_horizon.png")
        _save(_groups(evaluated.scores.groups), folder / "scores_by_group.png")


def extremes(wape: FloatArray) -> tuple[list[int], list[int]]:
    """Rows of up to `SHOWN` best stores, the best first, and of the worst, the worst first; NaN is neither."""
    order = [int(row) for row in np.argsort(wape) if np.isfinite(wape[row])]
    return order[:SHOWN], order[::-1][:SHOWN]


def coverage_by_day(judged: Judged, horizon_days: int) -> FloatArray:
    """(horizon_days,) share of all stores' and folds' days within the interval, NaN where no day counts."""

    def by_day(values: Any) -> Any:  # noqa: ANN401 - arrays of numbers or of truths
        return values.reshape(len(values), -1, horizon_days).reshape(-1, horizon_days).T

    parts = (judged.lower, judged.upper, judged.actual, judged.counts)
    return metrics.coverage(*(by_day(part) for part in parts))


def _stores(judged: Judged, store_ids: Sequence[str], wape: FloatArray, horizon: int) -> Figure:
    best, worst = extremes(wape)
    figure = _figure(13, 2.2 * SHOWN, left=0.75, bottom=0.5, top=0.3)
    axes = figure.subplots(SHOWN, 2, squeeze=False, gridspec_kw={"hspace": 0.5, "wspace": 0.15})
    latest = slice(0, horizon)  # folds stand the latest first
    for column, (told, rows) in enumerate((("best", best), ("worst", worst))):
        for place in range(SHOWN):
            axis = axes[place, column]
            if place < len(rows):
                _store(axis, judged, rows[place], latest)
                axis.set_title(f"{told}: store {store_ids[rows[place]]}, WAPE {wape[rows[place]]:.1%}", fontsize=9)
            else:
                axis.set_axis_off()
    return figure


def _store(axis: Axes, judged: Judged, row: int, days: slice) -> None:
    """Open days of the latest fold, one after the other."""
    on = judged.counts[row, days]
    ahead = np.arange(1, len(on) + 1)[on]
    lower, upper, value, actual = (
        part[row, days][on] for part in (judged.lower, judged.upper, judged.value, judged.actual)
    )
    axis.fill_between(ahead, lower, upper, color=_FORECAST, alpha=0.2, lw=0)
    axis.plot(ahead, value, color=_FORECAST, label="forecast")
    axis.plot(ahead, actual, ".", color=_SALES, label="sales")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("days ahead", fontsize=8, labelpad=1)
    axis.legend(fontsize=7, frameon=False)


def _coverage(judged: Judged, horizon: int) -> Figure:
    figure = _figure(8, 3, left=0.7, bottom=0.5, top=0.1)
    axis = figure.subplots()
    axis.plot(np.arange(1, horizon + 1), coverage_by_day(judged, horizon), ".-", color=_FORECAST)
    axis.axhline(LEVEL, color=_SALES, lw=1, ls="--", label=f"wanted: {LEVEL:.0%}")
    axis.set(xlabel="days ahead", ylabel="share of days within the interval", ylim=(0, 1))
    axis.legend()
    return figure


def _groups(groups: Mapping[str, GroupScores]) -> Figure:
    names = list(groups)[:_MOST_GROUPS]
    longest = max((len(name) for name in names), default=0)
    figure = _figure(8, 1.5 + 0.35 * len(names), left=0.4 + _INCHES_A_LETTER * longest, bottom=0.5, top=0.4)
    axis = figure.subplots()
    places = np.arange(len(names))
    ours, naive = [groups[name].wape for name in names], [groups[name].baseline_wape for name in names]
    axis.barh(places - 0.2, ours, 0.4, color=_FORECAST, label="models")
    axis.barh(places + 0.2, naive, 0.4, color=_BASELINE, label="naive baseline")
    axis.set_yticks(places, [name or "all" for name in names])
    axis.invert_yaxis()
    axis.set_xlabel("WAPE")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return figure


def _figure(width: float, height: float, *, left: float, bottom: float, top: float) -> Figure:
    """A figure with margins, all in inches: to find them out, Matplotlib would draw everything twice."""
    figure = Figure(figsize=(width, height))
    right = 1 - 0.15 / width
    figure.subplots_adjust(left=left / width, right=right, bottom=bottom / height, top=1 - top / height)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=_DPI)
