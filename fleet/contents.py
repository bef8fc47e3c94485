"""All that a fleet is made of, in memory: what training hands over, and what is written to disk."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fleet.arrays import AnyArray, BoolArray, FloatArray, StoreRows
from fleet.calendar import Calendar
from fleet.design import Design
from fleet.errors import StorecastError
from fleet.formula import Parameters
from fleet.storage import write_directory

RECENT_DAYS = 84
"""Days of sales that a fleet keeps for plots and for the fallback's window of eight weeks."""

MAX_ID_BYTES = 256

FACTS = np.dtype(
    [
        ("trained_from", "<i4"),  # day numbers of the first and last day that was fitted
        ("trained_through", "<i4"),
        ("n_days", "<i4"),  # days fitted
        ("rmspe", "<f4"),  # of the backtest, NaN where there was none
        ("wape", "<f4"),
        ("bias", "<f4"),
        ("baseline_rmspe", "<f4"),  # the naive baseline on the same days
        ("baseline_wape", "<f4"),
        ("baseline_bias", "<f4"),
        ("mase", "<f4"),
        ("coverage_80", "<f4"),
        ("width_80", "<f4"),
        ("model_wape", "<f4"),  # of the store's model, also where it lost and `wape` is the baseline's
        ("variant", "S16"),  # how the model was fitted
        ("group", "S32"),
        ("data_hash", "S32"),
        ("failure", "S200"),  # why there is no model; empty where there is one
    ]
)


def facts_of_today(stored: AnyArray) -> AnyArray:
    """Records of `FACTS`, from those of another release: a score that it did not know is NaN."""
    if stored.dtype == FACTS:
        return stored
    old: Any = stored
    facts = np.zeros(len(stored), dtype=FACTS)
    for name in FACTS.names or ():
        if name in old.dtype.names:
            facts[name] = old[name]
        elif FACTS[name].kind == "f":
            facts[name] = np.nan
    return facts


@dataclass(frozen=True)
class FleetContents(StoreRows):
    """Every store's parameters, calendar, fallback curve and facts. First axis of all arrays: the store.

    `fallback`: (n_stores, 7, 2), mean sales of an open day by weekday (Monday first) and promo (no, yes).
    `fallback_sigma`: (n_stores,), standard deviation of log1p(sales) around that curve.  `fallback_level`: (n_stores,),
    standard deviation of log1p of the curve itself, of a store too young to know its level; 0 else.
    `recent_sales`: (n_stores, `RECENT_DAYS`), the last days of history up to `trained_through`, NaN where closed.
    `interval_quantiles`, `fallback_quantiles`: measured widths of the models' and the fallback's intervals,
    (n_stores, N_BUCKETS, len(LEVELS)) as in `fleet.intervals`; None where nothing was measured.
    `ratio_bounds`: (n_stores, len(LEVELS), 2) bounds as multiples of the forecast, of stores that often sell nothing,
    NaN for the others; None where there is no such store.
    `facts`: (n_stores,) records of `FACTS`.  `trained_through`: last day number of the chain's history.
    """

    store_ids: tuple[str, ...]
    design: Design
    parameters: Parameters
    calendar: Calendar
    has_model: BoolArray
    fallback: FloatArray
    fallback_sigma: FloatArray
    fallback_level: FloatArray
    recent_sales: FloatArray
    facts: AnyArray
    trained_through: int
    engine: str
    settings: dict[str, Any] = field(default_factory=dict)
    interval_quantiles: FloatArray | None = None
    fallback_quantiles: FloatArray | None = None
    ratio_bounds: FloatArray | None = None

    def write(self, path: Path) -> str:
        """Write the fleet as a new directory; returns its digest.

        Raises: StorecastError: an id is repeated or cannot be kept.  FleetFormatError: `path` exists.
        """
        return write_directory(path, self.arrays(), self.meta())

    def arrays(self) -> dict[str, AnyArray]:
        """Name -> array, as on disk."""
        p = self.parameters
        arrays: dict[str, AnyArray] = {
            "scalars": p.scalars,
            "beta": p.beta,
            "delta": p.delta,
            "changepoints_t": p.changepoints_t,
            "has_model": self.has_model,
            "fallback": self.fallback.astype(np.float32),
            "fallback_sigma": self.fallback_sigma.astype(np.float32),
            "fallback_level": self.fallback_level.astype(np.float32),
            "recent_sales": self.recent_sales.astype(np.float32),
            "facts": self.facts,
            "usual_open": self.calendar.usual_open,
            **_id_arrays(self.store_ids),
        }
        for name, quantiles in (
            ("interval_quantiles", self.interval_quantiles),
            ("fallback_quantiles", self.fallback_quantiles),
            ("ratio_bounds", self.ratio_bounds),
        ):
            if quantiles is not None:
                arrays[name] = quantiles.astype(np.float32)
        if (p.centre != 0).any() or (p.spread != 1).any():
            arrays["centre"], arrays["spread"] = p.centre, p.spread
        for name, values in self.calendar.values.items():
            arrays[f"calendar_{name}"] = values
        for name, numbers in self.calendar.usual_numbers.items():
            arrays[f"usual_{name}"] = numbers
        for name, closed in self.calendar.usually_closed.items():
            arrays[f"closed_{name}"] = closed
        return arrays

    def meta(self) -> dict[str, Any]:
        """What the manifest says beside the arrays: plain JSON values."""
        return {
            "engine": self.engine,
            "design": self.design.to_dict(),
            "calendar": {
                "first_day": self.calendar.first_day,
                "last_day": self.calendar.last_day,
                "columns": [asdict(column) for column in self.calendar.columns],
                "open_told": self.calendar.open_told,
            },
            "n_stores": len(self.store_ids),
            "n_models": int(self.has_model.sum()),
            "trained_through": self.trained_through,
            "settings": self.settings,
        }


def _id_arrays(store_ids: tuple[str, ...]) -> dict[str, AnyArray]:
    """The index: ids as UTF-8 bytes in the fleet's order, and that order sorted for binary search."""
    encoded = [store_id.encode() for store_id in store_ids]
    bad = [store_id for store_id, raw in zip(store_ids, encoded, strict=True) if not 0 < len(raw) <= MAX_ID_BYTES]
    bad += [store_id for store_id in store_ids if not store_id.isprintable()]
    if bad or len(set(store_ids)) != len(store_ids):
        raise StorecastError(
            f"wanted distinct printable store ids of 1 to {MAX_ID_BYTES} bytes, got {bad[:3] or 'repeated ones'}"
        )
    table = np.array(encoded, dtype=f"S{max(map(len, encoded), default=1)}")
    return {"store_ids": table, "store_order": np.argsort(table, kind="stable").astype(np.int64)}
