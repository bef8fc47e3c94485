"""What the workers counted, on its way to the page of Seldon's wrapper.

Seldon takes metrics with each answer: an idle worker would never tell that the registry is away, each small answer
costs six round trips to the process that keeps the page, also one that brings nothing, and the threads of a worker lose
each other's counts. Here a thread of each worker reports every so often, one report at a time.
"""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_logger: Final = logging.getLogger(__name__)
METHOD: Final = "worker"
"""Value of the wrapper's label ``method`` for what is reported from here."""


class Page(Protocol):
    """The part of Seldon's metrics that is used here."""

    def update(self, custom_metrics: list[dict[str, Any]], method: str) -> None:
        """Add metrics to the page."""


class _Pages:
    """The page of this process: there is one, which Seldon makes before it forks the workers."""

    current: Page | None = None


def install() -> None:
    """Remember the page that Seldon's microservice will make; call it before its `main`."""
    from seldon_core import microservice  # noqa: PLC0415 (the protobuf bridge must be in place first)

    kind = microservice.SeldonMetrics

    def make(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (Seldon's own)
        page = kind(*arguments, **named)
        page.update, page.clear = _one_at_a_time(page.update), _for_good(page.clear)
        _Pages.current = page
        return page

    microservice.SeldonMetrics = make


def _one_at_a_time(update: Callable[[list[dict[str, Any]], str], None]) -> Callable[[list[dict[str, Any]], str], None]:
    lock = Lock()

    def update_once(custom_metrics: list[dict[str, Any]], method: str) -> None:
        if custom_metrics:
            with lock:
                update(custom_metrics, method)

    return update_once


def _for_good(clear: Callable[[], None]) -> Callable[[], None]:
    def end() -> None:
        # A worker that ends takes its metrics with it; a late report would bring them back.
        _Pages.current = None
        clear()

    return end


def report(collect: Callable[[], list[dict[str, Any]]], every_s: float) -> bool:
    """Report what `collect` returns, now and every so many seconds, until this process ends.

    Returns: False, and nothing is done, where `every_s` is 0 or this process has no page.
    """
    page = _Pages.current
    if page is None or every_s == 0:
        return False
    Thread(target=_report, args=(page, collect, every_s), name="storecast-report", daemon=True).start()
    return True


def _report(page: Page, collect: Callable[[], list[dict[str, Any]]], every_s: float) -> None:
    pause, told = Event(), False
    waiting: list[dict[str, Any]] = []
    while _Pages.current is page:
        # What the page did not take is reported again: it was counted once.
        waiting = waiting or collect()
        try:
            page.update(waiting, METHOD)
        except (OSError, EOFError) as error:
            if not told:
                facts = {"reason": f"{type(error).__name__}: {error}"}
                _logger.warning("wrapper.report_failed", extra={"facts": facts})
            told = True
        else:
            waiting, told = [], False
        pause.wait(every_s)
