"""From folds to a verdict: choose, calibrate and judge, and say it in plain values for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet import Design
from fleet.arrays import as_dates
from training import metrics
from training.assemble import SCORES, Verdict
from training.backtest import Fold
from training.choose import Choice, choose
from training.history import History
from training.judge import Judged, judge, scores_by_store, scores_of_chain, widths
from training.variants import BLEND, Variant


@dataclass(frozen=True)
class Evaluation:
    """`judged`: the forecasts behind it all; `summary`: the backtest in plain JSON values."""

    choice: Choice
    judged: Judged
    verdict: Verdict
    summary: dict[str, Any]


def evaluate(folds: Sequence[Fold], history: History, design: Design, variants: Sequence[Variant]) -> Evaluation:
    """Choose a candidate for every store, calibrate its intervals, and score the whole as the fleet will answer."""
    choice = choose(folds, design)
    judged = judge(folds, design, choice, history.groups)
    seasonal = metrics.seasonal_errors(history.sales, history.fitted_days())
    by_store = scores_by_store(judged, seasonal)
    names = np.array([BLEND, *(variant.name for variant in variants)])
    chosen = names[choice.candidate]
    interval_quantiles, fallback_quantiles = widths(folds, design, choice, history.groups)
    scores = {name: by_store[name] for name in SCORES}
    verdict = Verdict(scores, chosen, choice.loses, interval_quantiles, fallback_quantiles)
    has_model = judged.modelled.any(axis=1)
    scored = has_model & np.isfinite(by_store["wape"])
    everyone = np.ones(len(history.store_ids), dtype=np.bool_)
    summary = {
        "horizon_days": folds[0].actual.shape[1],
        "cutoffs": [str(as_dates(np.array([fold.cutoff]))[0]) for fold in folds],
        **_rounded(scores_of_chain(judged, everyone)),
        "mase_median_store": round(float(np.nanmedian(by_store["mase"])), 5),
        "stores_judged": int(scored.sum()),
        "stores_better_than_baseline": int((scored & (by_store["wape"] < by_store["baseline_wape"])).sum()),
        "stores_left_to_baseline": int(choice.loses.sum()),
        "variants": {str(name): int((chosen[has_model] == name).sum()) for name in names},
        "groups": {
            str(group): _rounded(scores_of_chain(judged, history.groups == group)) for group in _groups(history)
        },
    }
    return Evaluation(choice, judged, verdict, {"backtest": summary})


def _groups(history: History) -> list[str]:
    return sorted(set(history.groups.tolist()))


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in scores.items()}
