"""Hot reload: a thread in every worker looks for another fleet, and swaps one reference when it is good."""

import logging
import random
import re
from collections.abc import Callable
from threading import Event, Thread

from model_wrapper.errors import FleetRefusedError
from model_wrapper.fleets.acceptance import INTERNAL
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.source import FleetSource
from model_wrapper.metrics.counters import RELOAD_FAILURES, RELOADS, Counters

logger = logging.getLogger(__name__)
_JITTER = 0.25
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Another one each time that an object is printed."""


class Reloader:
    """Looks for a newer fleet where the served one came from; whatever goes wrong, what is served stays."""

    def __init__(
        self,
        source: FleetSource,
        served: Callable[[], ServedFleet | None],
        swap: Callable[[ServedFleet], None],
        counters: Counters,
    ) -> None:
        """Remember the parts.

        Args: served: returns what is served now.  swap: puts another in its place.
        """
        self._source, self._served, self._swap, self._counters = source, served, swap, counters
        self._last_logged = ("", "")

    def start(self, every_s: float) -> None:
        """Look every so many seconds, give or take a quarter, until this process ends; 0 = never."""
        if every_s > 0:
            Thread(target=self._run, args=(every_s,), name="storecast-reload", daemon=True).start()

    def check(self) -> None:
        """Look once: swap, or count why not, and log it where the reason or its message is new."""
        try:
            new = self._source.renewed(self._served())
        except FleetRefusedError as error:
            self._refused(error.reason, str(error))
        except Exception as error:
            failure = (INTERNAL, _ADDRESS.sub("", repr(error)))
            if self._last_logged != failure:
                logger.exception("wrapper.reload_failed", extra={"facts": {"reason": INTERNAL}})
            self._last_logged = failure
            self._counters.add(RELOAD_FAILURES, reason=INTERNAL)
        else:
            self._last_logged = ("", "")
            if new is not None:
                self._swap(new)
                self._counters.add(RELOADS)

    def _run(self, every_s: float) -> None:
        pause = Event()
        while not pause.wait(every_s * random.uniform(1 - _JITTER, 1 + _JITTER)):  # noqa: S311 - only spreads workers
            self.check()

    def _refused(self, reason: str, message: str) -> None:
        self._counters.add(RELOAD_FAILURES, reason=reason)
        failure = (reason, _ADDRESS.sub("", message))
        if self._last_logged != failure:
            served = self._served()
            facts = {"reason": reason, "told": message, "served": None if served is None else served.version}
            logger.warning("wrapper.reload_failed", extra={"facts": facts})
        self._last_logged = failure
