"""A forecast as a picture: recent sales, the forecast, its interval, closed days."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from fleet import Fleet
from fleet.arrays import day_numbers

mpl.use("Agg")  # files only: no window, no display needed
from matplotlib import dates as mdates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

mpl.rcParams["text.parse_math"] = False  # a store may be called $x^{$

SALES, FORECAST = "#333333", "#0b6fa4"
HEIGHT_INCHES, WIDTH_INCHES = 2.8, 11.0


def plot(rows: pd.DataFrame, fleet: Fleet | None, path: Path, level: float, a_page: int) -> int:
    """Write a picture of up to `a_page` stores, or a PDF with pages of so many; returns how many stores were drawn.

    With a fleet, their recent sales stand before the forecast.
    """
    stores = list(dict.fromkeys(rows["store_id"]))
    by_store = {str(store_id): of_store for store_id, of_store in rows.groupby("store_id", sort=False)}
    if path.suffix != ".pdf":
        with _page(stores[:a_page], by_store, fleet, level) as figure:
            figure.savefig(path, dpi=110)
        return min(a_page, len(stores))
    with PdfPages(path) as pages:
        for first in range(0, len(stores), a_page):
            with _page(stores[first : first + a_page], by_store, fleet, level) as figure:
                pages.savefig(figure)
    return len(stores)


@contextmanager
def _page(
    stores: Sequence[str], by_store: Mapping[str, pd.DataFrame], fleet: Fleet | None, level: float
) -> Iterator[Figure]:
    figure, axes = plt.subplots(
        len(stores), 1, figsize=(WIDTH_INCHES, HEIGHT_INCHES * len(stores) + 0.4), sharex=True, squeeze=False
    )
    for axis, store_id in zip(axes[:, 0], stores, strict=True):
        if fleet is not None:
            _history(axis, fleet, store_id)
        _forecast(axis, by_store[store_id], level)
        source = by_store[store_id]["source"].iloc[0]
        axis.set_title(f"store {store_id}" + (" (fallback)" if source == "fallback" else ""), loc="left", fontsize=10)
        axis.set_ylabel("sales a day")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    # Beside the title: inside it would lie on the data.
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, fontsize=8, frameon=False)
    days = axes[-1, 0].xaxis
    days.set_major_formatter(mdates.ConciseDateFormatter(days.get_major_locator()))  # type: ignore[no-untyped-call]
    figure.tight_layout()
    try:
        yield figure
    finally:
        plt.close(figure)


def _history(axis: Axes, fleet: Fleet, store_id: str) -> None:
    row = fleet.position(store_id)
    if row is None:
        return
    sales = fleet.recent_sales[row]
    last = int(day_numbers(fleet.trained_through))
    days = np.arange(last - len(sales) + 1, last + 1).astype("datetime64[D]")
    axis.plot(days, sales, color=SALES, linewidth=1, marker=".", markersize=4, label="sales")


def _forecast(axis: Axes, rows: pd.DataFrame, level: float) -> None:
    days = rows["timestamp"].to_numpy().astype("datetime64[D]")
    closed = (rows["note"] == "closed").to_numpy()
    # A closed day is 0 by definition: a gap in the line and a mark on the axis tell more than a dive to zero.
    value, lower, upper = (rows[name].to_numpy(dtype=np.float64).copy() for name in ("value", "lower", "upper"))
    for part in (value, lower, upper):
        part[closed] = np.nan
    axis.fill_between(days, lower, upper, color=FORECAST, alpha=0.2, linewidth=0, label=f"{level:.0%} interval")
    # A band needs two days; one open day between closed ones has a bar.
    known = np.isfinite(value)
    alone = known & ~np.append(False, known[:-1]) & ~np.append(known[1:], False)
    axis.vlines(days[alone], lower[alone], upper[alone], color=FORECAST, alpha=0.3, linewidth=3)
    axis.plot(days, value, color=FORECAST, linewidth=1.4, marker=".", markersize=4, label="forecast")
    if closed.any():
        axis.plot(
            days[closed], np.zeros(closed.sum()), "x", color=FORECAST, markersize=5, label="closed", clip_on=False
        )
