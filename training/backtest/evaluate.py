"""From trials to a verdict and scores: calibrate, and judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet import Design
from fleet.arrays import BoolArray, FloatArray, as_dates
from training.backtest.assemble import SCORES, Verdict
from training.backtest.choose import Choice
from training.backtest.folds import Trial
from training.backtest.judge import Judged, judge, ratios_of, scores_by_store, scores_of_chain, wape_of_models, widths
from training.backtest.scores import Scores
from training.pooling.variants import BLEND, Variant


@dataclass(frozen=True)
class Evaluation:
    """`judged`: the forecasts behind it all; `verdict`: what the fleet keeps of it; `scores`: for people."""

    judged: Judged
    verdict: Verdict
    scores: Scores


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
    by_store = {**scores_by_store(judged, seasonal_mae), "model_wape": wape_of_models(trials, design)}
    names = np.array([BLEND, *(variant.name for variant in variants)])
    chosen = names[choice.candidate]
    scores = {name: by_store[name] for name in SCORES}
    ratios = ratios_of(trials, design, choice.loses, groups, sells_zeros) if sells_zeros.any() else None
    verdict = Verdict(scores, chosen, choice.loses, *widths(trials, design, groups), ratios)
    answering = chosen[judged.modelled.any(axis=1)]
    return Evaluation(
        judged,
        verdict,
        Scores(
            horizon_days=trials[0].actual.shape[1],
            cutoffs=tuple(str(as_dates(np.array([trial.cutoff]))[0]) for trial in trials),
            **vars(scores_of_chain(judged, np.ones(len(groups), dtype=np.bool_), seasonal_mae)),
            mase_median_store=round(_median(by_store["mase"]), 5),
            stores_judged=int(choice.judged.sum()),
            stores_better_than_baseline=int(choice.wins.sum()),
            stores_left_to_baseline=int(choice.loses.sum()),
            variants={str(name): int((answering == name).sum()) for name in names},
            groups={one: scores_of_chain(judged, groups == one, seasonal_mae) for one in sorted(set(groups.tolist()))},
        ),
    )


def _median(scores: FloatArray) -> float:
    """The median store's score; NaN where no store has one."""
    known = scores[np.isfinite(scores)]
    return float(np.median(known)) if len(known) else float("nan")
