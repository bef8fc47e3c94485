"""A whole chain's models behind one call: open a fleet, forecast its stores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from fleet import formula, intervals
from fleet.arrays import AnyArray, BoolArray, FloatArray, IntArray, as_dates, day_numbers, weekdays
from fleet.calendar import Calendar, Column, Overrides, Window
from fleet.contents import FleetContents, facts_of_today
from fleet.design import Design
from fleet.errors import FeatureError, UnknownStoreError
from fleet.features import CLOSURE_REACH_DAYS, Tables, columns_of, padded_window
from fleet.formula import Parameters
from fleet.newcomers import CHAIN, LEAST_SPREAD, WIDEST, Shapes, joined, typical
from fleet.storage import ArrayDirectory

Dates = npt.NDArray[np.datetime64]

NOTE_CLOSED = "closed"
NOTE_ASSUMED = "calendar-assumed"


@dataclass(frozen=True)
class Forecast:
    """Forecasts of some stores over some days; all arrays (n_stores, n_days), sales per day.

    0 <= lower <= value <= upper; all three are exactly 0 on a `closed` day. `assumed`: the calendar did not say all
    that the model wants to know of that day.
    """

    store_ids: tuple[str, ...]
    dates: Dates
    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    closed: BoolArray
    assumed: BoolArray

    @property
    def notes(self) -> npt.NDArray[np.str_]:
        """(n_stores, n_days): what is to be said of a day, `closed`, `calendar-assumed` or nothing."""
        return np.where(self.closed, NOTE_CLOSED, np.where(self.assumed, NOTE_ASSUMED, ""))


@dataclass(frozen=True, eq=False)
class RowView(Mapping[str, AnyArray]):
    """One store's row of a fleet's arrays: name -> (1, ...), a view, read when it is asked for.

    `row`: its place in the fleet.  `meta`: the fleet's manifest, of all stores.
    """

    row: int
    meta: Mapping[str, Any]
    arrays: Mapping[str, AnyArray] = field(repr=False)

    def __getitem__(self, name: str) -> AnyArray:
        return self.arrays[name][self.row : self.row + 1]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


class Fleet:
    """Every store's model. Reads an array when it is first needed, and never writes.

    Safe to share between threads and, memory-mapped, between processes.
    """

    def __init__(self, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any], version: str) -> None:
        self._arrays = arrays
        self._meta = meta
        self._tables = Tables()
        self.version = version
        self.design = Design.from_dict(meta["design"])

    @classmethod
    def open(cls, path: Path, *, verify: bool = False) -> "Fleet":
        """Open a fleet directory; the time does not grow with the number of stores.

        Args: verify: read and prove every array now instead of when it is first asked for.
        Raises: FleetFormatError: torn, newer, tampered with, or no fleet at all.
        """
        directory = ArrayDirectory(path)
        if verify:
            for name in directory:
                directory[name]
        return cls(directory, directory.meta, directory.digest[:12])

    @classmethod
    def from_contents(cls, contents: FleetContents) -> "Fleet":
        """The same fleet without a directory, as training's backtest wants it."""
        return cls(contents.arrays(), contents.meta(), "unsaved")

    @cached_property
    def store_ids(self) -> tuple[str, ...]:
        """Every store's id, in the fleet's order."""
        return tuple(raw.decode() for raw in cast("npt.NDArray[np.bytes_]", self._arrays["store_ids"]).tolist())

    @property
    def n_stores(self) -> int:
        """Number of stores, with a model or without."""
        return int(self._meta["n_stores"])

    @property
    def n_models(self) -> int:
        """Number of stores that have a model of their own."""
        return int(self._meta["n_models"])

    @property
    def engine(self) -> str:
        """Name of the engine that fitted the models."""
        return str(self._meta["engine"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the training that made this fleet."""
        return cast("Mapping[str, Any]", self._meta["settings"])

    @property
    def trained_through(self) -> np.datetime64:
        """Last day of the chain's history."""
        return np.datetime64(int(self._meta["trained_through"]), "D")

    @property
    def calendar_days(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last day of the calendar; days outside are forecast with assumed values."""
        bounds = self._meta["calendar"]
        return np.datetime64(bounds["first_day"], "D"), np.datetime64(bounds["last_day"], "D")

    @property
    def override_columns(self) -> tuple[str, ...]:
        """Calendar columns that a what-if question may override."""
        return tuple(column["name"] for column in self._meta["calendar"]["columns"])

    @property
    def has_model(self) -> BoolArray:
        """(n_stores,): False where only the fallback can answer."""
        return cast("BoolArray", self._arrays["has_model"])

    @property
    def facts(self) -> npt.NDArray[np.void]:
        """(n_stores,) records of `fleet.contents.FACTS`: training window, scores, group, reason of a failure."""
        return cast("npt.NDArray[np.void]", facts_of_today(self._arrays["facts"]))

    @property
    def interval_quantiles(self) -> FloatArray | None:
        """Measured widths of the models' intervals, as in `FleetContents`; None where nothing was measured."""
        measured = self._arrays.get("interval_quantiles")
        return None if measured is None else measured.astype(np.float64)

    @property
    def recent_sales(self) -> FloatArray:
        """(n_stores, n_days) last sales up to `trained_through`, NaN where closed or unknown."""
        return self._arrays["recent_sales"].astype(np.float64)

    @cached_property
    def calendar(self) -> Calendar:
        """The known-ahead table."""
        bounds = self._meta["calendar"]
        columns = tuple(Column(**{**column, "labels": tuple(column["labels"])}) for column in bounds["columns"])
        return Calendar(
            bounds["first_day"],
            columns,
            {column.name: self._arrays[f"calendar_{column.name}"] for column in columns},
            cast("BoolArray", self._arrays["usual_open"]),
            {c.name: cast("FloatArray", self._arrays[f"usual_{c.name}"]) for c in columns if c.type == "number"},
            {c.name: self._closed(c.name) for c in columns if self._arrays.get(f"closed_{c.name}") is not None},
            bounds.get("open_told", True),
        )

    def _closed(self, column: str) -> BoolArray:
        return cast("BoolArray", self._arrays[f"closed_{column}"])

    @cached_property
    def parameters(self) -> Parameters:
        """All stores' parameters."""
        names = ("scalars", "beta", "delta", "changepoints_t")
        parts = [cast("FloatArray", self._arrays[name]) for name in names]
        shape = (self.n_stores, len(self.design.regressors))
        for name, plain in (("centre", 0.0), ("spread", 1.0)):
            parts.append(cast("FloatArray", self._arrays.get(name, np.broadcast_to(np.float64(plain), shape))))
        return Parameters(*parts)

    def position(self, store_id: str) -> int | None:
        """Row of a store, or None where the fleet does not know it; binary search, nothing is built."""
        row = int(self._locate([store_id])[0])
        return None if row < 0 else row

    def row_view(self, store_id: str) -> RowView:
        """One store's row of every array, without a copy: what the store is made of, for another form of it.

        Raises: UnknownStoreError.
        """
        return RowView(int(self._rows([store_id])[0]), self._meta, self._arrays)

    def predict(
        self, store_ids: Sequence[str], dates: npt.ArrayLike, level: float = 0.8, overrides: Overrides | None = None
    ) -> Forecast:
        """Forecast stores that have a model, all for the same days.

        Args:    dates: (n_days,) anything numpy reads as days.  level: share of days that the interval holds,
                 0.5..0.99.  overrides: calendar column -> date -> value, for this question only.
        Raises:  UnknownStoreError: an id is unknown, or has no model (ask `fallback`).  FeatureError: an override does
                 not fit.  LevelError.
        """
        rows = self._rows(store_ids)
        without = [store_ids[int(i)] for i in np.flatnonzero(~self.has_model[rows])]
        if without:
            raise UnknownStoreError(f"no model for {', '.join(without[:5])}: these stores are forecast by the fallback")
        window, positions = self._window(rows, dates, overrides)
        parameters = self.parameters.rows(rows)
        centre = formula.yhat(parameters, self.design, window, positions, self._tables)
        spread = formula.standard_deviation(parameters, self.design, window.days[positions])
        half = self._quantiles("interval_quantiles", rows, window.days[positions], level) * spread
        back = self.design.back
        bounded = self._bounded(rows, level, back(centre), back(centre - half), back(centre + half))
        return _closed_to_zero(store_ids, window.select(positions), *bounded)

    def fallback(
        self, store_ids: Sequence[str], dates: npt.ArrayLike, level: float = 0.8, overrides: Overrides | None = None
    ) -> Forecast:
        """Forecast any known store from its weekday and promo curve; arguments and errors as `predict`."""
        rows = self._rows(store_ids)
        window, positions = self._window(rows, dates, overrides)
        asked = window.select(positions)
        curves = self._arrays["fallback"][rows].astype(np.float64)
        # The curve's spread is on the log scale whatever the models' transform: sales spread in proportion.
        noise, levels = self._curve_spreads
        quantiles = self._quantiles("fallback_quantiles", rows, asked.days, level)
        half = intervals.half_width(quantiles, noise[rows, None], levels[rows, None], level)
        return _closed_to_zero(store_ids, asked, *self._bounded(rows, level, *_along_curves(asked, curves, half)))

    @cached_property
    def _curve_spreads(self) -> tuple[FloatArray, FloatArray]:
        """(n_stores,) each: the noise around the curves, and what is not known of their level."""
        noise, levels = self._arrays["fallback_sigma"], self._arrays.get("fallback_level")
        # A fleet of an earlier release has one number for both.
        return noise.astype(np.float64), np.zeros(len(noise)) if levels is None else levels.astype(np.float64)

    def newcomers(
        self,
        store_ids: Sequence[str],
        dates: npt.ArrayLike,
        level: float = 0.8,
        overrides: Overrides | None = None,
        *,
        sales: Sequence[float],
        groups: Sequence[str] | None = None,
    ) -> Forecast:
        """Forecast stores without history from a named level: the curve of their group, or the chain's, scaled to it.

        A store that the fleet does not know opens when most of its group does, all days `assumed`. Its interval is no
        narrower than that of any store of the index.

        Args:    sales: mean sales of an open day, one a store.  groups: one of `shapes.names` or "" a store, for those
                 that the fleet does not know; the others are as `predict`'s.
        Raises:  FeatureError: an override does not fit.  LevelError.
        """
        intervals.check_level(level)
        rows = self._locate(store_ids)
        hints = groups or [CHAIN] * len(store_ids)
        names = [hint if row < 0 else str(self.shapes.groups[row]) for row, hint in zip(rows, hints, strict=True)]
        keys = [(int(row), name) for row, name in zip(rows, names, strict=True)]
        windows = {key: self._newcomers_window(*key, dates, overrides) for key in dict.fromkeys(keys)}
        shapes = {name: self.shapes.shape(name) for name in dict.fromkeys(names)}
        curves = np.stack([shapes[name] for name in names]) * np.asarray(sales, np.float64)[:, None, None]
        half = np.maximum(intervals.normal_quantile(level) * LEAST_SPREAD, self._widest(dates, level))
        asked = joined([windows[key] for key in keys])
        return _closed_to_zero(store_ids, asked, *_along_curves(asked, curves, half))

    def _widest(self, dates: npt.ArrayLike, level: float) -> FloatArray:
        """(n_days,) half the widest interval around a curve of the index, within reason."""
        noise, levels = self._curve_spreads
        of_buckets = int(self._meta["trained_through"]) + np.array(intervals.BUCKET_STARTS_DAYS)
        quantiles = self._quantiles("fallback_quantiles", np.arange(self.n_stores), of_buckets, level)
        half = intervals.half_width(quantiles, noise[:, None], levels[:, None], level)
        widest = np.broadcast_to(np.minimum(half.max(axis=0), WIDEST), of_buckets.shape)
        return widest[intervals.buckets(day_numbers(dates) - int(self._meta["trained_through"]))]

    @cached_property
    def shapes(self) -> Shapes:
        """What the chain's and its groups' curves have in common."""
        facts = self.facts
        groups = np.char.decode(facts["group"], "utf-8")
        return Shapes(self._arrays["fallback"].astype(np.float64), self.recent_sales, facts["n_days"], groups)

    def future_columns(self, store_id: str, dates: npt.ArrayLike) -> dict[str, FloatArray]:
        """Regressor name -> (n_days,) values of one store: what a stock Prophet's `predict` wants beside `ds`."""
        window, positions = self._window(self._rows([store_id]), dates, None)
        columns = columns_of(window, self.design.regressors)
        pairs = zip(self.design.regressors, columns, strict=True)
        return {regressor.name: values[0, positions] for regressor, values in pairs}

    def is_open(self, store_id: str, dates: npt.ArrayLike) -> BoolArray:
        """(n_days,): whether a store is expected to open; on other days its forecast is 0.

        Raises: UnknownStoreError.  FeatureError: no day.
        """
        window, positions = self._window(self._rows([store_id]), dates, None)
        return np.asarray(window.is_open[0, positions])

    def _locate(self, store_ids: Sequence[str]) -> IntArray:
        """Row of each id, -1 where the fleet does not know it."""
        table, order = self._arrays["store_ids"], cast("IntArray", self._arrays["store_order"])
        keys = np.array([store_id.encode() for store_id in store_ids], dtype=np.bytes_)
        places = np.searchsorted(table, keys, sorter=order)
        rows = order[np.minimum(places, len(order) - 1)]
        # numpy drops trailing NULs of bytes; no fleet has an id with one, so such an id is unknown.
        known = (table[rows] == keys) & np.array(["\0" not in store_id for store_id in store_ids])
        return np.where(known, rows, -1)

    def _rows(self, store_ids: Sequence[str]) -> IntArray:
        rows = self._locate(store_ids)
        unknown = [store_ids[int(i)] for i in np.flatnonzero(rows < 0)]
        if unknown:
            names = ", ".join(repr(store_id) for store_id in unknown[:5])
            raise UnknownStoreError(f"unknown store {names}: this fleet has {self.n_stores} stores, see its store_ids")
        return rows

    def _window(self, rows: IntArray, dates: npt.ArrayLike, overrides: Overrides | None) -> tuple[Window, IntArray]:
        days = day_numbers(dates)
        if days.ndim != 1 or not len(days):
            raise FeatureError(f"wanted a list of one or more days, got an array of shape {days.shape}")
        first, last = int(days.min()), int(days.max())
        window = padded_window(self.calendar, rows, first, last, overrides)
        return window, days - first + CLOSURE_REACH_DAYS

    def _newcomers_window(self, row: int, group: str, dates: npt.ArrayLike, overrides: Overrides | None) -> Window:
        """A known store's own calendar; where `row` is negative, what most of the group has."""
        theirs = np.array([row]) if row >= 0 else np.flatnonzero(self.shapes.members(group))
        window, positions = self._window(theirs, dates, overrides)
        asked = window.select(positions)
        return asked if row >= 0 else typical(asked)

    def _quantiles(self, name: str, rows: IntArray, days: IntArray, level: float) -> FloatArray:
        """Half-widths in standard deviations, broadcastable to (n_rows, n_days)."""
        intervals.check_level(level)
        measured = self._arrays.get(name)
        if measured is None:
            return np.full((1, 1), intervals.normal_quantile(level))
        ahead = days - int(self._meta["trained_through"])
        return intervals.quantiles_at(measured[rows].astype(np.float64), ahead, level)

    def _bounded(
        self, rows: IntArray, level: float, value: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """A forecast and its bounds, which are others for stores that often sell nothing."""
        ratios = self._arrays.get("ratio_bounds")
        if ratios is None:
            return value, lower, upper
        return value, *intervals.by_ratios(ratios[rows].astype(np.float64), level, value, lower, upper)


def _along_curves(asked: Window, curves: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Forecast, lower and upper bound from curves (n_stores, 7, 2) by weekday and promo.

    Args: half: width to either side, of log1p(sales).
    """
    promo = asked.columns.get("promo", np.zeros(asked.assumed.shape, np.uint8)).astype(np.intp)
    sales = curves[np.arange(len(curves))[:, None], weekdays(asked.days)[None, :], promo]
    logs = np.log1p(sales)
    return sales, np.maximum(np.expm1(logs - half), 0.0), np.expm1(logs + half)


def _closed_to_zero(
    store_ids: Sequence[str], asked: Window, value: FloatArray, lower: FloatArray, upper: FloatArray
) -> Forecast:
    closed = ~asked.is_open
    for part in (value, lower, upper):
        part[closed] = 0.0
    return Forecast(tuple(store_ids), as_dates(asked.days), value, lower, upper, closed, asked.assumed)
