"""The scores of a backtest: of the whole chain, and of each of its groups."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GroupScores:
    """Scores over all judged days of some stores at once, to five decimals; see `training.backtest.metrics`.

    NaN where no day gives a score, which JSON has as null.  `baseline_*`: of the naive baseline on the same days.
    `coverage_80`: share of days within the 80 % interval.  `width_80`: its width as a share of the sales.  `days`: how
    many were judged; `days_without_sales`: those of them that sold nothing, which RMSPE leaves out.
    """

    rmspe: float
    wape: float
    bias: float
    baseline_rmspe: float
    baseline_wape: float
    baseline_bias: float
    mase: float
    coverage_80: float
    width_80: float
    days: int
    days_without_sales: int


@dataclass(frozen=True)
class _Folds:
    """What was judged; a class of its own, since it stands before the scores in JSON."""

    horizon_days: int
    cutoffs: tuple[str, ...]


@dataclass(frozen=True)
class Scores(GroupScores, _Folds):
    """Scores of the whole chain.

    `horizon_days`: of each fold.  `cutoffs`: the last day known to each fold, the latest first.  `mase_median_store`:
    the median of the stores' own MASE.  `stores_judged`: stores whose own model a fold has judged;
    `stores_better_than_baseline`, `stores_left_to_baseline`: those of them whose model, or whose baseline, has the
    lower WAPE.  `variants`: stores by the variant that was chosen for them.  `groups`: the scores of each group.
    """

    mase_median_store: float
    stores_judged: int
    stores_better_than_baseline: int
    stores_left_to_baseline: int
    variants: Mapping[str, int]
    groups: Mapping[str, GroupScores]
