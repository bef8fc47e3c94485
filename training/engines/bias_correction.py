"""The mean of what is sold, from a fit on the log scale, which forecasts its middle.

Of a store that sells thousands the two are the same within a per cent or two, and the middle is what most scores ask
for. Of one that sells a few a day, or nothing on every other, the middle is far below the mean, and orders by it would
leave shelves empty. A level that is higher by one number on the log scale puts the mean of the fitted days right, and
is a plain Prophet row again.
"""

from dataclasses import replace

import numpy as np

from fleet import Design, formula
from fleet.arrays import BoolArray
from fleet.features import CLOSURE_REACH_DAYS, padded_window
from fleet.formula import SCALARS
from training.engines.engine import Fits
from training.history.history import History
from training.history.zero_sales import sells_few

FEW_A_DAY = 30
"""Median of a store that sells whole numbers up to which mean and middle differ by more than a per cent or two."""

MOST_SPREADS = 4.0
"""Spreads of a day's log sales above its forecast up to which its sales count."""


def unbiased(fits: Fits, history: History, design: Design) -> Fits:
    """The same fits; of stores that often sell nothing, or few a day, the fitted days' forecasts have the sales' mean.

    Source: Duan, Smearing estimate, 1983.
    """
    fitted_days = history.fitted_days()
    rows = np.flatnonzero(fits.fitted & (history.sells_zeros | _few(history, fitted_days)))
    if not len(rows) or design.transform != "log1p":
        return fits
    window = padded_window(history.calendar, rows, history.first_day, history.last_day, None)
    positions = np.arange(history.sales.shape[1]) + CLOSURE_REACH_DAYS
    forecast = formula.yhat(fits.parameters.rows(rows), design, window, positions)
    on = fitted_days[rows]
    # One mistyped cell is not to lift all of its store's days.
    spread = fits.parameters.scalar("sigma_obs")[rows] * fits.parameters.scalar("y_scale")[rows]
    most = np.exp(forecast + MOST_SPREADS * spread)
    ones_and_sales = np.where(on, np.minimum(1.0 + np.where(on, history.sales[rows], 0.0), most), 0.0).sum(axis=1)
    shift = np.log(ones_and_sales / np.where(on, np.exp(forecast), 0.0).sum(axis=1))
    scalars = fits.parameters.scalars.copy()
    scalars[rows, SCALARS.index("m")] += shift / scalars[rows, SCALARS.index("y_scale")]
    return replace(fits, parameters=replace(fits.parameters, scalars=scalars))


def _few(history: History, fitted_days: BoolArray) -> BoolArray:
    return np.array([sells_few(sales[on], FEW_A_DAY) for sales, on in zip(history.sales, fitted_days, strict=True)])
