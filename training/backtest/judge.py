"""What the backtest says of the fleet that will be registered: scores by store, group and chain, interval widths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet import Design, intervals
from fleet.arrays import BoolArray, FloatArray, IntArray
from training.backtest import metrics
from training.backtest.calibrate import Residuals, quantiles
from training.backtest.folds import Trial
from training.backtest.ratio_intervals import ratio_quantiles
from training.backtest.scores import GroupScores

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


def widths(trials: Sequence[Trial], design: Design, groups: npt.NDArray[np.str_]) -> tuple[FloatArray, FloatArray]:
    """Interval quantiles of the models and of the baseline, as a fleet keeps them."""
    models, naive = _residuals(trials, design)
    return quantiles(models, groups), quantiles(naive, groups)


def ratios_of(
    trials: Sequence[Trial],
    design: Design,
    loses: BoolArray,
    groups: npt.NDArray[np.str_],
    sells_zeros: BoolArray,
) -> FloatArray:
    """Interval bounds of stores that often sell nothing, as a fleet keeps them; see `ratios.ratio_quantiles`."""
    values = np.concatenate([_value(trial, design, loses) for trial in trials], axis=1)
    actual = np.concatenate([trial.actual for trial in trials], axis=1)
    counts = np.concatenate([trial.was_open for trial in trials], axis=1) & (values > 0)
    return ratio_quantiles(np.where(counts, actual / np.where(counts, values, 1.0), 0.0), counts, groups, sells_zeros)


def _value(trial: Trial, design: Design, loses: BoolArray) -> FloatArray:
    """(n_stores, horizon_days) what the fleet would have forecast."""
    modelled = np.isfinite(trial.centre) & ~loses[:, None]
    return np.where(trial.closed, 0.0, np.where(modelled, design.back(trial.centre), trial.naive))


def judge(
    trials: Sequence[Trial],
    design: Design,
    loses: BoolArray,
    groups: npt.NDArray[np.str_],
    sells_zeros: BoolArray,
) -> Judged:
    """Replay the trials, the baseline in place of models that lose; intervals come from the other folds only."""
    models, naive = _residuals(trials, design)
    parts = []
    for place, trial in enumerate(trials):
        others = [other for other in range(len(trials)) if other != place] or [place]
        ahead = np.arange(1, trial.actual.shape[1] + 1)
        centre, spread = trial.centre, trial.spread
        modelled = np.isfinite(centre) & ~loses[:, None]
        half = _half(models, others, groups, ahead) * spread
        naive_half = intervals.half_width(
            _half(naive, others, groups, ahead), trial.naive_spread[:, None], trial.naive_level[:, None], LEVEL
        )
        log_naive = np.log1p(trial.naive)
        value = _value(trial, design, loses)
        lower = np.where(modelled, design.back(centre - half), np.maximum(np.expm1(log_naive - naive_half), 0.0))
        upper = np.where(modelled, design.back(centre + half), np.expm1(log_naive + naive_half))
        lower, upper = (np.where(trial.closed, 0.0, bound) for bound in (lower, upper))
        if sells_zeros.any():
            ratios = ratios_of([trials[other] for other in others], design, loses, groups, sells_zeros)
            lower, upper = intervals.by_ratios(ratios, LEVEL, value, lower, upper)
        parts.append((value, lower, upper, trial.naive, trial.actual, trial.counts, modelled))
    return Judged(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


def wape_of_models(trials: Sequence[Trial], design: Design) -> FloatArray:
    """(n_stores,) WAPE as if every model answered, also those that lose; NaN where no fold has judged a model.

    A fold in which a store had no model yet is the baseline's, as in `judge`, so that the days are the same.
    """
    modelled = [np.isfinite(trial.centre) for trial in trials]
    value = [_value(trial, design, np.zeros(len(trial.actual), dtype=np.bool_)) for trial in trials]
    counts = np.concatenate([trial.counts for trial in trials], axis=1)
    actual = np.concatenate([trial.actual for trial in trials], axis=1)
    has_model = (counts & np.concatenate(modelled, axis=1)).any(axis=1)
    return np.where(has_model, metrics.wape(np.concatenate(value, axis=1), actual, counts), np.nan)


def _half(residuals: Residuals, folds: list[int], groups: npt.NDArray[np.str_], ahead: IntArray) -> FloatArray:
    measured = quantiles(Residuals(residuals.size[folds], residuals.counts[folds]), groups)
    return intervals.quantiles_at(measured, ahead, LEVEL)


def _residuals(trials: Sequence[Trial], design: Design) -> tuple[Residuals, Residuals]:
    """Standardised absolute residuals of the chosen models and of the baseline.

    They tell how far sales of an open day can be off: not of closures that a forecast did not know, nor of curves whose
    level is a guess.
    """
    sizes: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    counted: tuple[list[BoolArray], list[BoolArray]] = ([], [])
    for trial in trials:
        counts = trial.was_open & ~trial.closed
        sure = (trial.naive_level < trial.naive_spread / 2)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            model = np.abs(design.forward(trial.actual) - trial.centre) / trial.spread
            naive = np.abs(np.log1p(trial.actual) - np.log1p(trial.naive)) / trial.naive_spread[:, None]
        for place, (size, known) in enumerate(((model, counts), (naive, counts & sure))):
            usable = known & np.isfinite(size)
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


def scores_of_chain(judged: Judged, members: BoolArray, seasonal_mae: FloatArray) -> GroupScores:
    """The scores over all days of some stores at once; MASE by the rule of `metrics.mase_of_all`."""

    def flat(values: FloatArray) -> FloatArray:
        return values[members].reshape(1, -1)

    counts = judged.counts[members].reshape(1, -1)
    actual, lower, upper = (flat(values) for values in (judged.actual, judged.lower, judged.upper))
    mase = metrics.mase_of_all(
        judged.value[members], judged.actual[members], judged.counts[members], seasonal_mae[members]
    )

    def score(metric: metrics.Metric, forecast: FloatArray) -> float:
        return round(float(metric(flat(forecast), actual, counts)[0]), 5)

    return GroupScores(
        rmspe=score(metrics.rmspe, judged.value),
        wape=score(metrics.wape, judged.value),
        bias=score(metrics.bias, judged.value),
        baseline_rmspe=score(metrics.rmspe, judged.naive),
        baseline_wape=score(metrics.wape, judged.naive),
        baseline_bias=score(metrics.bias, judged.naive),
        mase=round(mase, 5),
        coverage_80=round(float(metrics.coverage(lower, upper, actual, counts)[0]), 5),
        width_80=round(float(metrics.width(lower, upper, actual, counts)[0]), 5),
        days=int(counts.sum()),
        days_without_sales=int((counts & (actual == 0)).sum()),
    )
