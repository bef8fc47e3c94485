"""How wide an interval is: measured quantiles a store and horizon bucket where there are some, the normal's otherwise.

A quantile says how many standard deviations to either side hold a share of the days. Measured ones come from a
backtest (split conformal), at the levels of `LEVELS` and for each bucket of days ahead; between two levels they are
interpolated.
"""

from statistics import NormalDist

import numpy as np

from fleet.arrays import FloatArray, IntArray
from fleet.errors import LevelError

LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99)
BUCKET_ENDS_DAYS = (7, 14, 28, 42)
"""Last day ahead of each horizon bucket; later days are in one more bucket, days within the history in the first."""
BUCKET_STARTS_DAYS = (1, *(end + 1 for end in BUCKET_ENDS_DAYS))

MIN_LEVEL, MAX_LEVEL = LEVELS[0], LEVELS[-1]
N_BUCKETS = len(BUCKET_ENDS_DAYS) + 1


def check_level(level: float) -> None:
    """Refuse a level that no interval can be given for.

    Raises: LevelError: level outside 0.5..0.99.
    """
    if not MIN_LEVEL <= level <= MAX_LEVEL:
        raise LevelError(f"wanted an interval level from {MIN_LEVEL} to {MAX_LEVEL}, got {level!r}")


def buckets(days_ahead: IntArray) -> IntArray:
    """Horizon bucket of each number of days ahead; 1 is the day after the history."""
    return np.searchsorted(np.asarray(BUCKET_ENDS_DAYS), days_ahead, side="left")


def normal_quantile(level: float) -> float:
    """Standard deviations to either side that hold a share `level` of a normal distribution."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def quantiles_at(measured: FloatArray, days_ahead: IntArray, level: float) -> FloatArray:
    """Quantiles of some stores, (n_stores, n_days), from their table (n_stores, N_BUCKETS, len(LEVELS))."""
    above, share = _between(level)
    by_bucket = measured[:, :, above - 1] * (1 - share) + measured[:, :, above] * share
    return np.asarray(by_bucket[:, buckets(days_ahead)])


def by_ratios(
    ratios: FloatArray, level: float, value: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds (n_stores, n_days) of which those of stores that often sell nothing are multiples of the forecast.

    Args: ratios: (n_stores, len(LEVELS), 2) as in `FleetContents.ratio_bounds`, NaN for the other stores.
    """
    above, share = _between(level)
    low, high = (ratios[:, above - 1, side] * (1 - share) + ratios[:, above, side] * share for side in (0, 1))
    scaled = np.isfinite(low)[:, None]
    with np.errstate(invalid="ignore"):
        bounds = (value * low[:, None], value * high[:, None])
    return np.where(scaled, bounds[0], lower), np.where(scaled, bounds[1], upper)


def _between(level: float) -> tuple[int, float]:
    """The place of the level of the table above, and how far from the one below it."""
    above = min(max(int(np.searchsorted(LEVELS, level)), 1), len(LEVELS) - 1)
    low, high = LEVELS[above - 1], LEVELS[above]
    return above, (level - low) / (high - low)


def half_width(quantile: FloatArray, noise: FloatArray, level: FloatArray, share: float) -> FloatArray:
    """Half an interval around a curve of which a store may not know the level, of log1p(sales).

    Args: quantile: standard deviations of `noise` that hold the share `share` of the days.  level: standard deviation
          of the curve itself, which is no day's noise: what was measured of days says nothing of it.
    """
    return np.asarray(np.hypot(quantile * noise, normal_quantile(share) * level))
