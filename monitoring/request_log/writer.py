"""Takes exchanges from the intake and writes their items; retries while the database does not take them."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final

from monitoring.request_log.background import Result, in_thread
from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.errors import DatabaseAwayError, NotAForecastError, RequestLogUsageError, RowsRefusedError
from monitoring.request_log.intake import Exchange, Intake
from monitoring.request_log.items import LoggedItem, items_of
from monitoring.request_log.metrics import Dropped, SinkMetrics
from monitoring.request_log.settings import RequestLogSettings

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
_TICK_S: Final = 0.25
_PRUNE_EVERY_S: Final = 3600.0

logger = logging.getLogger(__name__)


class Writer:
    """The one task that writes. An exchange stays in the intake until its rows are written, or counted as dropped."""

    def __init__(
        self, intake: Intake, database: RequestLogDatabase, metrics: SinkMetrics, settings: RequestLogSettings
    ) -> None:
        self._intake = intake
        self._database = database
        self._metrics = metrics
        self._settings = settings
        self._wake = asyncio.Event()
        self._ending = False
        self._prepared = False
        self._prune_at = time.monotonic()
        self._failures = 0
        self._trying_since: float | None = None
        metrics.watch("database_up", "1 if the database answers, 0 if not.", lambda: not self.is_away)

    @property
    def is_away(self) -> bool:
        """Whether the last attempt of the database failed, or the current one takes too long."""
        since = self._trying_since
        return self._failures > 0 or (
            since is not None and time.monotonic() - since > self._settings.database_timeout_s
        )

    def wake(self) -> None:
        """Signal that an exchange is ready."""
        self._wake.set()

    def end(self) -> None:
        """Make `run` return when everything is written."""
        self._ending = True
        self._intake.drain()
        self.wake()

    async def run(self) -> None:
        """Write until `end` is called, then the rest."""
        while True:
            await self._prune_if_due()
            self._intake.expire()
            batch = self._intake.take()
            if batch:
                items = await in_thread(partial(self._items_of, batch))
                await self._write(items)
                self._intake.done()
            elif self._ending:
                return
            else:
                await self._sleep()

    async def prepare(self) -> None:
        """Create the tables; if the database is away or hangs now, `run` tries again before the first write.

        Raises: RequestLogUsageError: the tables are of another version.
        """
        try:
            async with asyncio.timeout(self._settings.database_timeout_s):
                await self._in_database(self._prepare_once)
        except (DatabaseAwayError, RowsRefusedError, TimeoutError) as error:
            self._failed(error)

    async def _in_database(self, work: Callable[[], Result]) -> Result:
        self._trying_since = time.monotonic()
        try:
            return await in_thread(work)
        finally:
            self._trying_since = None

    def _prepare_once(self) -> None:
        if not self._prepared:
            self._database.prepare()
            self._prepared = True

    def _items_of(self, batch: Iterable[Exchange]) -> list[LoggedItem]:
        items: list[LoggedItem] = []
        for exchange in batch:
            try:
                items += items_of(exchange)
            except NotAForecastError as error:
                self._metrics.dropped(Dropped(error.args[0]))
            except Exception as error:  # noqa: BLE001 - a client may write what an answer says: one must not end the log
                self._metrics.dropped(Dropped.UNREADABLE)
                facts = {"reason": type(error).__name__, "request_id": exchange.response.header.origin.request_id}
                logger.error("request_log.answer_unreadable", extra={"facts": facts})  # noqa: TRY400 - a trace quotes it
        return items

    async def _write(self, items: list[LoggedItem]) -> None:
        """Write until it is done. Nothing is dropped: the intake refuses new events when it is full."""
        while items:
            begun = time.perf_counter()
            try:
                written = await self._in_database(partial(self._try, items))
            except (DatabaseAwayError, RowsRefusedError, RequestLogUsageError) as error:
                self._failed(error)
                await asyncio.sleep(_wait_s(self._failures))
                continue
            self._metrics.batch(time.perf_counter() - begun)
            self._metrics.rows("written", written)
            self._recovered()
            return

    def _try(self, items: list[LoggedItem]) -> int:
        """One attempt to write all items; returns how many are new, and counts the others."""
        self._prepare_once()
        try:
            written, refused = self._database.write(items), 0
        except RowsRefusedError:
            written, refused = self._one_by_one(items)
        self._metrics.rows("refused", refused)
        self._metrics.rows("present", len(items) - written - refused)
        return written

    def _one_by_one(self, items: list[LoggedItem]) -> tuple[int, int]:
        """Write answer by answer when one of the rows cannot be written."""
        written = refused = 0
        for _, answer in groupby(items, attrgetter("request_id", "answer")):
            whole = list(answer)
            try:
                written += self._database.write(whole)
            except RowsRefusedError:
                counts = self._row_by_row(whole)
                written, refused = written + counts[0], refused + counts[1]
        return written, refused

    def _row_by_row(self, answer: list[LoggedItem]) -> tuple[int, int]:
        """Write what can be written of an answer."""
        # Its first row reserves the answer and comes last: an attempt that fails half-way is repeated for all rows.
        written = refused = 0
        for item in reversed(answer):
            try:
                written += self._database.write([item])
            except RowsRefusedError as error:
                refused += 1
                facts = {"reason": str(error), "request_id": item.request_id, "item": item.item}
                logger.error("request_log.row_refused", extra={"facts": facts})  # noqa: TRY400 - a trace quotes rows
        return written, refused

    async def _prune_if_due(self) -> None:
        if time.monotonic() < self._prune_at:
            return
        before = datetime.now(UTC) - timedelta(days=self._settings.keep_days)
        self._prune_at = time.monotonic() + _PRUNE_EVERY_S
        try:
            removed = await self._in_database(partial(self._prune, before))
        except (DatabaseAwayError, RowsRefusedError, RequestLogUsageError) as error:
            self._failed(error)
            return
        self._recovered()
        if removed:
            # In small parts, so that new rows are written in between.
            self._prune_at = time.monotonic()
            self._metrics.rows("pruned", removed)
            logger.info("request_log.pruned", extra={"facts": {"rows": removed, "before": before.isoformat()}})

    def _prune(self, before: datetime) -> int:
        self._prepare_once()
        return self._database.prune(before)

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_TICK_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._prepared = False  # after a failure the database may be a new, empty one
        self._metrics.database_failed()
        facts = {
            "reason": str(error) or type(error).__name__,
            "failures": self._failures,
            "unwritten": self._intake.unwritten,
        }
        logger.warning("request_log.database_failed", extra={"facts": facts})

    def _recovered(self) -> None:
        if self._failures:
            logger.info("request_log.database_back", extra={"facts": {"failures": self._failures}})
        self._failures = 0


def _wait_s(failures: int) -> float:
    """Exponential backoff up to a limit, with jitter so that two sinks do not try at the same time."""
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 32))
    return wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
