"""What the backtest says of the fleet that will be registered: scores by store, group and chain, interval widths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet import Design, intervals
from fleet.arrays import BoolArray, FloatArray, IntArray
from training import metrics
from training.backtest import Fold
from training.calibrate import Residuals, quantiles
from training.choose import Choice

LEVEL = 0.8


@dataclass(frozen=True)
class Judged:
    """Forecasts as the fleet would have given them, over all folds: arrays (n_stores, n_folds * horizon_days).

    `modelled`: a model gave the forecast, not the baseline.  Rates of a fold's own days never come from that fold.
    """

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    naive: FloatArray
    actual: FloatArray
    counts: BoolArray
    modelled: BoolArray


def widths(
    folds: Sequence[Fold], design: Design, choice: Choice, groups: npt.NDArray[np.str_]
) -> tuple[FloatArray, FloatArray]:
    """Interval quantiles of the models and of the baseline, as a fleet keeps them."""
    models, naive = _residuals(folds, design, choice.candidate)
    return quantiles(models, groups), quantiles(naive, groups)


def judge(folds: Sequence[Fold], design: Design, choice: Choice, groups: npt.NDArray[np.str_]) -> Judged:
    """Replay the folds with the choice made; each fold's intervals are calibrated on the other folds only."""
    models, naive = _residuals(folds, design, choice.candidate)
    parts = []
    for place, fold in enumerate(folds):
        others = [other for other in range(len(folds)) if other != place] or [place]
        ahead = np.arange(1, fold.actual.shape[1] + 1)
        centre, spread = _chosen(fold.centre, choice.candidate), _chosen(fold.spread, choice.candidate)
        modelled = np.isfinite(centre) & ~choice.loses[:, None]
        half = _half(models, others, groups, ahead) * spread
        naive_half = _half(naive, others, groups, ahead) * fold.naive_spread[:, None]
        log_naive = np.log1p(fold.naive)
        value = np.where(modelled, design.back(centre), fold.naive)
        lower = np.where(modelled, design.back(centre - half), np.expm1(log_naive - naive_half))
        upper = np.where(modelled, design.back(centre + half), np.expm1(log_naive + naive_half))
        parts.append((value, lower, upper, fold.naive, fold.actual, fold.counts, modelled))
    return Judged(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


def _half(residuals: Residuals, folds: list[int], groups: npt.NDArray[np.str_], ahead: IntArray) -> FloatArray:
    measured = quantiles(Residuals(residuals.size[folds], residuals.counts[folds]), groups)
    return intervals.quantiles_at(measured, ahead, LEVEL)


def _chosen(candidates: FloatArray, choice: IntArray) -> FloatArray:
    """(n_stores, n_days) of each store's candidate."""
    return np.asarray(candidates[choice, np.arange(len(choice))])


def _residuals(folds: Sequence[Fold], design: Design, choice: IntArray) -> tuple[Residuals, Residuals]:
    """Standardised absolute residuals of the chosen models and of the baseline."""
    sizes: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    counted: tuple[list[BoolArray], list[BoolArray]] = ([], [])
    for fold in folds:
        centre, spread = _chosen(fold.centre, choice), _chosen(fold.spread, choice)
        naive_counts = fold.counts & (fold.naive > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            model = np.abs(design.forward(fold.actual) - centre) / spread
            naive = np.abs(np.log1p(fold.actual) - np.log1p(fold.naive)) / fold.naive_spread[:, None]
        for place, (size, counts) in enumerate(((model, fold.counts), (naive, naive_counts))):
            usable = counts & np.isfinite(size)
            sizes[place].append(np.where(usable, size, 0.0))
            counted[place].append(usable)
    models, baseline = (Residuals(np.stack(s), np.stack(c)) for s, c in zip(sizes, counted, strict=True))
    return models, baseline


def scores_by_store(judged: Judged, seasonal_mae: FloatArray) -> dict[str, FloatArray]:
    """Score name -> (n_stores,), NaN where no day counts; the baseline's stand beside ours."""
    scores = {name: metric(judged.value, judged.actual, judged.counts) for name, metric in metrics.METRICS.items()}
    for name, metric in metrics.METRICS.items():
        scores[f"baseline_{name}"] = metric(judged.naive, judged.actual, judged.counts)
    scores["mase"] = metrics.mase(judged.value, judged.actual, judged.counts, seasonal_mae)
    scores["coverage_80"] = metrics.coverage(judged.lower, judged.upper, judged.actual, judged.counts)
    scores["width_80"] = metrics.width(judged.lower, judged.upper, judged.actual, judged.counts)
    return scores


def scores_of_chain(judged: Judged, members: BoolArray) -> dict[str, float]:
    """The same scores, but MASE, over all days of some stores at once."""

    def flat(values: FloatArray) -> FloatArray:
        return values[members].reshape(1, -1)

    counts = judged.counts[members].reshape(1, -1)
    actual = flat(judged.actual)
    scores = {name: float(m(flat(judged.value), actual, counts)[0]) for name, m in metrics.METRICS.items()}
    scores |= {
        f"baseline_{name}": float(m(flat(judged.naive), actual, counts)[0]) for name, m in metrics.METRICS.items()
    }
    bounds = (flat(judged.lower), flat(judged.upper))
    scores["coverage_80"] = float(metrics.coverage(*bounds, actual, counts)[0])
    scores["width_80"] = float(metrics.width(*bounds, actual, counts)[0])
    return scores
