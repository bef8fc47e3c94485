"""From trials to a verdict: calibrate and judge, and say it in plain values for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleet import Design
from fleet.arrays import BoolArray, FloatArray, as_dates
from training.backtest.assemble import SCORES, Verdict
from training.backtest.choose import Choice
from training.backtest.folds import Trial
from training.backtest.judge import Judged, judge, ratios_of, scores_by_store, scores_of_chain, wape_of_models, widths
from training.pooling.variants import BLEND, Variant


@dataclass(frozen=True)
class Evaluation:
    """`judged`: the forecasts behind it all; `summary`: the backtest in plain JSON values."""

    judged: Judged
    verdict: Verdict
    summary: dict[str, Any]


def evaluate(
    trials: Sequence[Trial],
    choice: Choice,
    design: Design,
    variants: Sequence[Variant],
    *,
    groups: npt.NDArray[np.str_],
    seasonal_mae: FloatArray,
    sells_zeros: BoolArray,
) -> Evaluation:
    """Calibrate every store's intervals, and score the whole as the fleet will answer.

    Args: choice: made on the trials.  groups, seasonal_mae, sells_zeros: (n_stores,), of the whole history; see
          `metrics.mase` and `History.sells_zeros`.
    """
    judged = judge(trials, design, choice.loses, groups, sells_zeros)
    by_store = scores_by_store(judged, seasonal_mae)
    names = np.array([BLEND, *(variant.name for variant in variants)])
    chosen = names[choice.candidate]
    interval_quantiles, fallback_quantiles = widths(trials, design, groups)
    by_store["model_wape"] = wape_of_models(trials, design)
    scores = {name: by_store[name] for name in SCORES}
    ratios = ratios_of(trials, design, choice.loses, groups, sells_zeros) if sells_zeros.any() else None
    verdict = Verdict(scores, chosen, choice.loses, interval_quantiles, fallback_quantiles, ratios)
    of_model = chosen[judged.modelled.any(axis=1)]
    summary = {
        "horizon_days": trials[0].actual.shape[1],
        "cutoffs": [str(as_dates(np.array([trial.cutoff]))[0]) for trial in trials],
        **_scores_of(judged, np.ones(len(groups), dtype=np.bool_), seasonal_mae),
        "mase_median_store": round(_median(by_store["mase"]), 5),
        "stores_judged": int(choice.judged.sum()),
        "stores_better_than_baseline": int(choice.wins.sum()),
        "stores_left_to_baseline": int(choice.loses.sum()),
        "variants": {str(name): int((of_model == name).sum()) for name in names},
        "groups": {group: _scores_of(judged, groups == group, seasonal_mae) for group in sorted(set(groups.tolist()))},
    }
    return Evaluation(judged, verdict, {"backtest": summary})


def _scores_of(judged: Judged, members: BoolArray, seasonal_mae: FloatArray) -> dict[str, float | int]:
    return {**_rounded(scores_of_chain(judged, members, seasonal_mae)), **_days(judged, members)}


def _days(judged: Judged, members: BoolArray) -> dict[str, int]:
    """How many days the scores are of, and how many of them sold nothing: RMSPE leaves these out."""
    counts = judged.counts[members]
    return {"days": int(counts.sum()), "days_without_sales": int((counts & (judged.actual[members] == 0)).sum())}


def _median(scores: FloatArray) -> float:
    """The median store's score; NaN where no store has one."""
    known = scores[np.isfinite(scores)]
    return float(np.median(known)) if len(known) else float("nan")


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in scores.items()}
