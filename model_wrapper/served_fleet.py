"""An opened fleet as the components see it: the fleet, its version, and the days it may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from model_wrapper.contract.days import plus_days
from model_wrapper.sharding import child_of

if TYPE_CHECKING:
    from datetime import date

    import numpy as np

    from fleet import Fleet


@dataclass(frozen=True)
class ServedFleet:
    """A fleet and what a request needs to know of it; everything that costs is read once, when first asked for.

    `version`: the registry's version, or the fleet's own where it came from a folder.  `from_cache`: the registry could
    not be reached and the version last used answers.
    """

    fleet: Fleet
    version: str
    max_days_ahead: int
    from_cache: bool = False

    @cached_property
    def trained_through(self) -> date:
        """Last day of history."""
        return _date(self.fleet.trained_through)

    @cached_property
    def first_day(self) -> date:
        """First day that can be forecast: the first of the history."""
        return _date(self.fleet.calendar_days[0])

    @cached_property
    def last_known_day(self) -> date:
        """Last day whose calendar is known; later days are forecast with assumed values."""
        return _date(self.fleet.calendar_days[1])

    @cached_property
    def last_day(self) -> date:
        """Last day that can be forecast."""
        return plus_days(self.trained_through, self.max_days_ahead)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Row of every store in the fleet."""
        return {store_id: row for row, store_id in enumerate(self.fleet.store_ids)}

    @cached_property
    def modelled(self) -> list[bool]:
        """Whether each row has a model of its own; False is answered by the fallback."""
        return cast("list[bool]", self.fleet.has_model.tolist())

    def has_model(self, store_id: str) -> bool:
        """Tell whether a store has a model of its own."""
        row = self.positions.get(store_id)
        return row is not None and self.modelled[row]

    def owner_of(self, store_id: str, shards: int) -> int:
        """Return the router's child that answers a store."""
        row = self.positions.get(store_id)
        return child_of(
            store_id, known=row is not None, has_model=row is not None and self.modelled[row], shards=shards
        )


def _date(day: np.datetime64) -> date:
    return cast("date", day.astype(object))
