"""An opened fleet as the components see it: the fleet, its version, and the days it may be asked for."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import cast

import numpy as np

from fleet import Fleet
from model_wrapper.contract.days import plus_days
from model_wrapper.fleets.store_models import NO_STORE_MODELS, StoreModels
from model_wrapper.sharding import Layout, shard_of


@dataclass(frozen=True)
class ServedFleet:
    """A fleet and what a request needs to know of it; everything that costs is read once, when first asked for.

    `version`: the registry's version, or the fleet's own where it came from a folder.  `from_cache`: the registry's
    fleet could not be had and the version last used answers.  `key`: equal for two that were opened from the same.
    `created_ms`: when the version was registered or the folder written, milliseconds since 1970; 0 = not known.
    `own`: the stores' own models.
    """

    fleet: Fleet
    version: str
    max_days_ahead: int
    from_cache: bool = False
    created_ms: int = 0
    key: object = None
    own: StoreModels = NO_STORE_MODELS

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

    def prepare(self) -> None:
        """Read now what the first request would read, so that it costs what the thousandth costs."""
        _ = (self.positions, self.modelled, self.sold, self.first_day, self.last_known_day, self.last_day)
        _ = (self.fleet.calendar, self.fleet.parameters, self.fleet.shapes)

    def has_model(self, store_id: str) -> bool:
        """Whether a store has a model of its own."""
        row = self.positions.get(store_id)
        return row is not None and self.modelled[row]

    def lacks_history(self, store_id: str) -> bool:
        """Whether nothing has been sold yet as far as the fleet knows, so that a hint is better than nothing."""
        row = self.positions.get(store_id)
        return row is None or not self.sold[row]

    @cached_property
    def sold(self) -> list[bool]:
        """Whether each row has a history."""
        return cast("list[bool]", self.fleet.shapes.has_history.tolist())

    def owner_of(self, store_id: str, layout: Layout, *, hinted: bool = False) -> int:
        """The router's child that answers a store; `hinted`: somebody said what it sells."""
        row = self.positions.get(store_id)
        has_model = row is not None and self.modelled[row]
        if store_id in self.own:
            # Chosen by hand, so it takes no part in an experiment.
            return shard_of(store_id, layout.shards)
        return layout.child_of(store_id, known=row is not None, has_model=has_model, hinted=hinted)


def _date(day: np.datetime64) -> date:
    return cast("date", day.astype(object))
