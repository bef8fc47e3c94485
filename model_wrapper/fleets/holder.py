"""The fleet of one component: opened at its start, watched for a newer one, and its health."""

import logging
import os
from typing import Any

from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.hot_reload import Reloader
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.source import FleetSource
from model_wrapper.metrics.counters import Counters
from model_wrapper.seldon.worker_start import REPLACES
from model_wrapper.settings import Settings

logger = logging.getLogger(__name__)


class FleetHolder:
    """Holds one reference to what is served; a request under way keeps the fleet that it began with."""

    def __init__(self, settings: Settings, counters: Counters, *, required: bool) -> None:
        """Hold nothing yet.

        Args: required: False: without a fleet the component is ready all the same, because others answer for it.
        """
        self._settings, self._counters, self._required = settings, counters, required
        self.current: ServedFleet | None = None
        self._reloader: Reloader | None = None

    @property
    def served(self) -> ServedFleet:
        """The fleet.

        Raises: FleetUnavailableError: `load` has not run, or failed.
        """
        if self.current is None:
            raise FleetUnavailableError("This component has no fleet: wanted load() to have opened one.")
        return self.current

    def load(self) -> None:
        """Open the fleet, and look for a newer one from now on.

        Raises: FleetUnavailableError: there is none, and one is required.
        """
        try:
            self._open()
        except FleetUnavailableError:  # logged before
            if self._required:
                raise
        if self._reloader is not None:
            self._reloader.start(self._settings.reload_seconds)

    def health(self) -> dict[str, Any]:
        """Say which fleet is served, as a component's health.

        Raises: FleetUnavailableError: there is none, and one is required.
        """
        if self.current is None and not self._required:
            return {"status": "ready", "fleet": None}
        served = self.served
        return {
            "status": "ready",
            "fleet": {
                "version": served.version,
                "stores": served.fleet.n_stores,
                "firstStore": next(iter(served.fleet.store_ids), None),
                "trainedThrough": served.trained_through.isoformat(),
                "fromCache": served.from_cache,
            },
        }

    def _open(self) -> None:
        try:
            source = FleetSource(self._settings, os.environ)
            self._reloader = Reloader(source, lambda: self.current, self._swap, self._counters)
            self.current = source.open(last_used_first=REPLACES.is_set())
        except FleetUnavailableError as error:
            logger.error("wrapper.fleet_failed", extra={"facts": {"reason": str(error)}})  # noqa: TRY400 - it says it all
            raise
        except Exception as error:
            logger.exception("wrapper.fleet_failed", extra={"facts": {"uri": self._settings.fleet_uri}})
            raise FleetUnavailableError(f"{self._settings.fleet_uri}: {error}") from error

    def _swap(self, served: ServedFleet) -> None:
        self.current = served
