"""Partial pooling: what a short history cannot know of a year, of Christmas or of a promotion, its group knows.

The effects of the stores with long histories have a mean and a spread in every group. A store with a short history is
fitted as its difference from that mean, held back by that spread: the more days it has, the more its own data count,
and what they have never seen is the group's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from fleet import Design, Parameters
from fleet.arrays import DAYS_A_WEEK, BoolArray, FloatArray, IntArray, weekdays
from fleet.formula import SCALARS
from training.engines.batched import fit_with_priors
from training.engines.engine import Fits, FitSpec, fits_of
from training.engines.priors import EffectPrior
from training.history.baseline import LEVEL_DAYS
from training.history.history import History

LONG_HISTORY_DAYS = 300
"""Open days, about a year of them, from which a store's effects count in those of its group."""

SHORT_HISTORY_DAYS = 600
"""Open days, about two years of them, under which a store is pooled: a year seen once may have been an odd one."""

FEW_STORES = 5
"""Stores of the chain that count as much as a group's own; with fewer in the whole chain there is no pooling."""


SPENT_DAYS = 40.0
"""Days of a short history that its own terms follow, and which say nothing of its noise."""

NOISE_DAYS = 30.0
"""Days that say as much of a short history's noise as its group does."""

CONSTANT_NOISE = 1e-6
"""Of y_scale, below which a store sells the same every day."""


@dataclass(frozen=True)
class GroupEffects:
    """Effects of the long histories, by group and then for a group without any, on the fitted scale.

    `groups`: (n_groups,).  `means`, `spreads`: (n_groups + 1, n_beta + 1), each column's effect a unit, then the slope
    a day.  `noises`: (n_groups + 1,) standard deviation of a day.  `trend_days`: as in `EffectPrior`.
    """

    groups: tuple[str, ...]
    means: FloatArray
    spreads: FloatArray
    noises: FloatArray
    trend_days: float

    def of(self, groups: npt.NDArray[np.str_]) -> EffectPrior:
        """The prior of stores of those groups."""
        rows = self._rows(groups)
        means, spreads = self.means[rows], self.spreads[rows]
        return EffectPrior(means[:, :-1], spreads[:, :-1], means[:, -1], spreads[:, -1], self.trend_days)

    def noise_of(self, groups: npt.NDArray[np.str_]) -> FloatArray:
        """(n_stores,) noise of stores of those groups."""
        return self.noises[self._rows(groups)]

    def _rows(self, groups: npt.NDArray[np.str_]) -> IntArray:
        places = {group: place for place, group in enumerate(self.groups)}
        return np.array([places.get(group, len(self.groups)) for group in groups.tolist()], dtype=np.int64)


def long_histories(history: History, fitted: BoolArray) -> BoolArray:
    """(n_stores,) the stores that group effects are made of."""
    return np.asarray(fitted & (history.fitted_days().sum(axis=1) >= LONG_HISTORY_DAYS))


def short_histories(history: History) -> BoolArray:
    """(n_stores,) the stores that are fitted again with the effects of their group; a store may be long and short."""
    return np.asarray(history.fitted_days().sum(axis=1) < SHORT_HISTORY_DAYS)


def open_weekdays(history: History) -> BoolArray:
    """(n_stores, 7) weekdays, Monday first, on which a store was ever fitted."""
    on, weekday = history.fitted_days(), weekdays(history.days)
    return np.stack([on[:, weekday == day].any(axis=1) for day in range(DAYS_A_WEEK)], axis=1)


def group_effects_of(
    parameters: Parameters,
    design: Design,
    groups: npt.NDArray[np.str_],
    long: BoolArray,
    weekdays_known: BoolArray,
) -> GroupEffects | None:
    """The effects of the stores that are `long`, (n_stores,), by group; None where they are too few.

    Every store of the chain in one call: the sums depend on their order. A column that a store's days never moved is
    not counted for it; a column that too few stores know keeps its plain prior.

    Args: weekdays_known: (n_stores, 7) as of `open_weekdays`.
    """
    rows = np.flatnonzero(long)
    if len(rows) < FEW_STORES:
        return None
    own, week = parameters.rows(rows), _Week(design)
    effects = np.concatenate([_effects(own, design), _slopes(own), week.patterns(own, weekdays_known[rows])], axis=1)
    chain = _moments(effects)
    unknown = chain[2] < FEW_STORES
    prior = np.where(unknown, 0.0, chain[0]), np.where(unknown, 0.0, chain[1])
    names = sorted(set(groups[rows].tolist()))
    parts = [_moments(effects[groups[rows] == name]) for name in names]
    means = np.stack([*(_drawn(mean, count, prior[0]) for mean, _, count in parts), prior[0]])
    variances = np.stack([*(_drawn(variance, count, prior[1]) for _, variance, count in parts), prior[1]])
    means[:, unknown], variances[:, unknown] = 0.0, np.inf
    means, variances = week.as_waves(means, variances)
    noise = (own.scalar("sigma_obs") * own.scalar("y_scale"))[:, 0]
    of_groups = [noise[groups[rows] == name] for name in names]
    counts = np.array([len(each) for each in of_groups])
    usual = float(np.median(noise))
    noises = _drawn(np.array([np.median(each) for each in of_groups]), counts, np.full(len(names), usual))
    trend_days = float(np.median(own.scalar("t_scale_days")))
    return GroupEffects(tuple(names), means, np.sqrt(variances), np.append(noises, usual), trend_days)


def refit(
    fits: Sequence[Fits],
    history: History,
    design: Design,
    specs: Sequence[FitSpec],
    effects: Sequence[GroupEffects | None],
    who: BoolArray,
) -> list[Fits]:
    """The same fits, with some stores fitted again as their difference from the effects of their group.

    A store whose second fit fails keeps its first.

    Args: effects: for each fit, None leaves it as it is.  who: (n_stores,) the stores to fit again.
    """
    places = [place for place, one in enumerate(effects) if one is not None]
    effect_priors = [one.of(history.groups) for one in effects if one is not None]
    again = fit_with_priors(history, design, [specs[place] for place in places], effect_priors, who)
    both = dict(zip(places, again, strict=True))
    return [_either(fit, both[place]) if place in both else fit for place, fit in enumerate(fits)]


def with_group_noise(fits: Fits, history: History, effects: GroupEffects | None) -> Fits:
    """The same fits, short histories with the noise of their group: their own terms follow most of their few days.

    Their level, too, is known from these days alone, and is a part of what a forecast is not sure of.
    """
    if effects is None:
        return fits
    own = fits.parameters.scalar("sigma_obs")[:, 0]
    n_days = history.fitted_days().sum(axis=1)
    short = fits.fitted & (n_days < SHORT_HISTORY_DAYS) & (own > CONSTANT_NOISE)
    of_group = effects.noise_of(history.groups) / fits.parameters.scalar("y_scale")[:, 0]
    free = np.maximum(n_days - SPENT_DAYS, 0.0)
    drawn = (free * own**2 + NOISE_DAYS * of_group**2) / (free + NOISE_DAYS)
    level = 1 + LEVEL_DAYS * (1 / np.maximum(n_days, 1) - 1 / SHORT_HISTORY_DAYS)
    scalars = fits.parameters.scalars.copy()
    scalars[:, SCALARS.index("sigma_obs")] = np.where(short, np.sqrt(drawn * level), own)
    return replace(fits, parameters=replace(fits.parameters, scalars=scalars))


def _either(fits: Fits, again: Fits) -> Fits:
    taken = again.fitted

    def either(name: str) -> FloatArray:
        new, old = getattr(again.parameters, name), getattr(fits.parameters, name)
        return np.asarray(np.where(taken[:, None], new, old))

    parameters = Parameters(*(either(field.name) for field in fields(Parameters)))
    failures = {row: why for row, why in {**again.failures, **fits.failures}.items() if not taken[row]}
    failures = {row: why for row, why in failures.items() if not fits.fitted[row]}
    return fits_of(parameters, fits.fitted | taken, failures)


class _Week:
    """Weekly waves as what they say of each weekday, and back.

    A store that is closed on Sundays does not say what its wave does there, and its level takes up the difference: two
    such stores, or one and a neighbour open on Sundays, have waves that cannot be compared. Their weekdays can.
    """

    def __init__(self, design: Design) -> None:
        first, self._columns = 0, np.zeros(0, dtype=np.int64)
        waves = np.zeros((DAYS_A_WEEK, 0))
        for season in design.seasonalities:
            if season.period_days == DAYS_A_WEEK:
                days = np.arange(DAYS_A_WEEK)
                self._columns = first + np.arange(2 * season.order)
                waves = season.matrix(days[np.argsort(weekdays(days))])
            first += 2 * season.order
        self._waves = waves
        # The first coefficient is the mean of the weekdays, which is a part of the level.
        self._back = np.linalg.pinv(np.column_stack([np.ones(DAYS_A_WEEK), waves]))[1:]

    def patterns(self, parameters: Parameters, known: BoolArray) -> FloatArray:
        """(n_stores, 7) each weekday against the mean of the chain's usual ones, NaN where a store is closed."""
        values = parameters.beta[:, self._columns] @ self._waves.T * parameters.scalar("y_scale")
        usual = known & (known.mean(axis=0) >= 1 / 2)
        level = np.where(usual, values, 0.0).sum(axis=1) / np.maximum(usual.sum(axis=1), 1)
        return np.where(known & usual.any(axis=1)[:, None], values - level[:, None], np.nan)

    def as_waves(self, means: FloatArray, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Moments with the weekdays in the last columns -> without them, and the waves' put right."""
        mean, variance = means[:, -DAYS_A_WEEK:], variances[:, -DAYS_A_WEEK:]
        # A weekday that nobody knows may be anything: as uncertain as the most uncertain of the others.
        most = np.where(np.isfinite(variance), variance, 0.0).max(axis=1, keepdims=True)
        variance = np.where(np.isfinite(variance), variance, most)
        means, variances = means[:, :-DAYS_A_WEEK].copy(), variances[:, :-DAYS_A_WEEK].copy()
        means[:, self._columns] = mean @ self._back.T
        variances[:, self._columns] = variance @ (self._back**2).T
        return means, variances


def _effects(parameters: Parameters, design: Design) -> FloatArray:
    """Each store's effect of one unit of each column, NaN where its days never moved it."""
    units = np.ones_like(parameters.beta)
    units[:, design.n_fourier :] = parameters.spread
    return np.where(parameters.beta != 0, parameters.beta * parameters.scalar("y_scale") / units, np.nan)


def _slopes(parameters: Parameters) -> FloatArray:
    """(n_stores, 1) where each trend goes in the end, a day."""
    slope = parameters.scalar("k") + parameters.delta.sum(axis=1, keepdims=True)
    return np.asarray(slope * parameters.scalar("y_scale") / parameters.scalar("t_scale_days"))


def _moments(effects: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, variance and number of each column's known values; zeros where there is none."""
    known = np.isfinite(effects)
    count = known.sum(axis=0).astype(np.float64)
    whole = np.maximum(count, 1.0)
    mean = np.where(known, effects, 0.0).sum(axis=0) / whole
    variance = np.where(known, (effects - mean) ** 2, 0.0).sum(axis=0) / whole
    return mean, variance, count


def _drawn(own: FloatArray, count: FloatArray, chain: FloatArray) -> FloatArray:
    """A group's value, drawn towards the chain's where its stores are few."""
    return np.asarray((count * own + FEW_STORES * chain) / (count + FEW_STORES))
