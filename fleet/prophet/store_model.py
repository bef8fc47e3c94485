"""A store model: one store's own stock Prophet, kept as plain arrays, and how it forecasts with a fleet's calendar.

Prophet is needed to convert, not to serve: what is written here is read back with numpy alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fleet.arrays import day_numbers
from fleet.design import Design, Transform
from fleet.errors import ConversionError
from fleet.features import Regressor
from fleet.fleet import Fleet
from fleet.prophet.convert import from_prophet
from fleet.storage import ArrayDirectory, write_directory

if TYPE_CHECKING:
    from pathlib import Path

    from prophet import Prophet

    from fleet.arrays import AnyArray

KIND = "own-model"
"""Kind of the directory, in its manifest; a name on disk, which stays."""
_PARAMETERS = ("scalars", "beta", "delta", "changepoints_t", "centre", "spread")
_MEASURED = "interval_quantiles"
_OF_THE_STORE = ("usual_open", "fallback", "fallback_sigma", "fallback_level", "recent_sales", "facts")


def write_store_model(path: Path, model: Prophet, transform: Transform) -> None:
    """Write a fitted Prophet as a new directory of plain arrays.

    Args:   transform: scale that the model was fitted on.
    Raises: ConversionError: it has a part that a fleet cannot hold, or a parameter that is no number.
    """
    design, parameters = from_prophet(model)
    arrays = {name: getattr(parameters, name) for name in _PARAMETERS}
    wrong = [name for name, values in arrays.items() if not np.isfinite(values).all()]
    if wrong:
        raise ConversionError(f"wanted finite parameters, got others in {', '.join(wrong)}: fit the model again")
    last = int(day_numbers(np.asarray(model.history_dates).astype("datetime64[D]")).max())
    meta = {"kind": KIND, "design": replace(design, transform=transform).to_dict(), "trained_through": last}
    write_directory(path, arrays, meta)


@dataclass(frozen=True)
class StoreModel:
    """A store model as it was written: its manifest. `within` reads its few KB of arrays and does not keep them."""

    directory: ArrayDirectory

    @classmethod
    def open(cls, path: Path) -> StoreModel:
        """Open what `write_store_model` wrote.

        Raises: FleetFormatError: torn, newer or tampered with.  ConversionError: a fleet, not a store model.
        """
        directory = ArrayDirectory(path, mapped=False)
        if directory.meta.get("kind") != KIND:
            raise ConversionError(f"wanted a store model at {path}, found something else")
        return cls(directory)

    @cached_property
    def design(self) -> Design:
        """The columns of the model; its regressors are names, not yet rules of a calendar."""
        return Design.from_dict(self.directory.meta["design"])

    @property
    def trained_through(self) -> np.datetime64:
        """Last day of the model's own history."""
        return np.datetime64(int(self.directory.meta["trained_through"]), "D")

    def design_within(self, fleet: Fleet, store_id: str) -> Design:
        """The design with every regressor as a rule that the fleet's calendar can answer.

        A regressor of a fleet's own name keeps the fleet's rule; another is the calendar's column of that name.

        Raises: ConversionError: the fleet does not know the store, or the calendar a regressor.
        """
        if fleet.position(store_id) is None:
            raise ConversionError(f"store {store_id!r} is not in the fleet, whose calendar its model would need")
        rules = {regressor.name: regressor for regressor in _calendar_rules(fleet)}
        rules |= {regressor.name: regressor for regressor in fleet.design.regressors}
        unknown = [regressor.name for regressor in self.design.regressors if regressor.name not in rules]
        if unknown:
            raise ConversionError(
                f"the calendar has no regressor {', '.join(unknown)}, it knows {', '.join(sorted(rules))}"
            )
        regressors = tuple(replace(rules[each.name], mode=each.mode) for each in self.design.regressors)
        return replace(self.design, regressors=regressors)

    def within(self, fleet: Fleet, store_id: str) -> Fleet:
        """A fleet of this one store: its own parameters, and a view of the fleet's calendar.

        Its spread is its own. Where the fleet's backtest measured for this store how wide a model's interval must be
        for its spread, that is kept; elsewhere the interval is Prophet's.

        Raises: ConversionError: as `design_within`.  FleetFormatError: an array is damaged.
        """
        design = self.design_within(fleet, store_id)
        row = fleet.row_view(store_id)
        arrays: dict[str, AnyArray] = {name: self.directory[name] for name in _PARAMETERS}
        names = [name for name in row if name.startswith(("calendar_", "usual_", "closed_"))]
        # A fleet of an earlier release does not know all of them.
        arrays |= {name: row[name] for name in {*names, *_OF_THE_STORE} & set(row)}
        measured = row.get(_MEASURED)
        if measured is not None and row["has_model"][0] and np.isfinite(measured.astype(np.float64)).all():
            arrays[_MEASURED] = measured
        arrays |= {"store_ids": np.array([store_id.encode()]), "store_order": np.zeros(1, np.int64)}
        arrays["has_model"] = np.ones(1, np.bool_)
        meta: dict[str, Any] = {**row.meta, "design": asdict(design), "n_stores": 1, "n_models": 1}
        meta["trained_through"] = self.directory.meta["trained_through"]
        return Fleet(arrays, meta, self.directory.digest[:12])


def _calendar_rules(fleet: Fleet) -> list[Regressor]:
    return [
        Regressor(column.name, column.type, {"column": column.name})
        for column in fleet.calendar.columns
        if column.type in ("flag", "number")
    ]
