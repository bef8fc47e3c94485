"""The least-squares problem of a design group: what all of its fits share, whatever their priors and waves.

The variants of a store, and its fit with a prior from its group, are of the same days and targets: these are put into
columns once, and the sums of their products are made once for each way of weighing the days.
"""

from dataclasses import dataclass, field

import numpy as np

from fleet import Design
from fleet.arrays import BoolArray, FloatArray, IntArray
from training.engines.design_groups import DesignGroup, changepoint_places
from training.history.history import History


@dataclass(frozen=True)
class Sums:
    """Products of a problem's columns under some weights of the days; see `training.engines.products`.

    `weights`: (n_days,).  `weighed`: (n_columns, n_days).  `products`: (size, size), of the smooth columns, the hinges
    and, in the last column, room for a target's.  `of_targets`: (n_stores, size).
    """

    weights: FloatArray
    weighed: FloatArray
    products: FloatArray
    of_targets: FloatArray


@dataclass(frozen=True)
class FitProblem:
    """The stores of a design group as arrays to solve, in the columns of the design that has the most waves.

    `columns`: (n_columns, n_days) slope and level, waves, regressors; without a slope where growth is flat.
    `places`: in `t`, where Prophet lets the trend bend; `hinges`: those at which it does, none where growth is flat.
    `targets`: (n_stores, n_days) in units of `y_scale`.  `centre`, `spread`: of the group's regressors.  `constant`:
    (n_stores,) sells the same every day.
    """

    group: DesignGroup
    columns: FloatArray
    t: FloatArray
    places: IntArray
    hinges: IntArray
    targets: FloatArray
    y_scale: FloatArray
    centre: FloatArray
    spread: FloatArray
    constant: BoolArray
    _sums: dict[float | None, Sums] = field(default_factory=dict, repr=False)

    def sums(self, half_life_days: float | None) -> Sums:
        """The sums where a day so much older than the last counts half; None: all days alike. Made once."""
        if half_life_days not in self._sums:
            self._sums[half_life_days] = self._summed(half_life_days)
        return self._sums[half_life_days]

    def _summed(self, half_life_days: float | None) -> Sums:
        from training.engines import products as gram  # noqa: PLC0415 - the compiler's package loads slowly, and only a fit needs it

        weights = _weights(self.group.days, half_life_days)
        weighed = self.columns * weights
        products = gram.design_products(self.columns, weighed, self.t, self.hinges)
        of_targets = gram.target_products(weighed, weights, self.t, self.hinges, self.targets)
        return Sums(weights, weighed, products, of_targets)


def fit_problem(group: DesignGroup, history: History, design: Design, waves: FloatArray) -> FitProblem:
    """The problem of a design group's stores.

    Args: waves: (n_fourier, n_days) of the history.
    """
    days = group.days
    t = (days - days[0]) / (days[-1] - days[0])
    fourier = waves[group.beta_columns[: len(group.beta_columns) - len(group.regressors)]][:, group.places]
    linear = design.growth == "linear"
    trend = np.stack([t, np.ones(len(t))]) if linear else np.ones((1, len(t)))
    centre, spread, regressors = _standardised(group, design)
    targets = group.target(history, design)
    y_scale = np.abs(targets).max(axis=1)
    targets = targets / y_scale[:, None]
    places = changepoint_places(len(t))
    return FitProblem(
        group,
        np.concatenate([trend, fourier, regressors]),
        t,
        places,
        places if linear else places[:0],
        targets,
        y_scale,
        centre,
        spread,
        targets.min(axis=1) == targets.max(axis=1),
    )


def _standardised(group: DesignGroup, design: Design) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre, spread and standardised values of the regressors, as Prophet does it: flags stay as they are."""
    centre, spread = np.zeros(len(group.values)), np.ones(len(group.values))
    number = [row for row, place in enumerate(group.regressors) if design.regressors[place].rule == "number"]
    if not number:
        return centre, spread, group.values
    with np.errstate(all="ignore"):  # what overflows is found when the store is solved
        centre[number], spread[number] = group.values[number].mean(axis=1), group.values[number].std(axis=1, ddof=1)
        return centre, spread, (group.values - centre[:, None]) / spread[:, None]


def _weights(days: IntArray, half_life_days: float | None) -> FloatArray:
    """What each day counts in the fit: with a half-life, a day that much older than the last counts half.

    The mean is 1, which keeps the balance between the days and the priors.
    """
    if half_life_days is None:
        return np.ones(len(days))
    weights = 0.5 ** ((days[-1] - days) / half_life_days)
    return np.asarray(weights / weights.mean())
