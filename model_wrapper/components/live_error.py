"""What a feedback tells of our forecasts: live error and coverage, counted by the one child that answered a day."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from fleet.names import CHALLENGER
from model_wrapper.contract.answers import SOURCE_FALLBACK
from model_wrapper.contract.feedback import FEEDBACK_REPLY_NAMES
from model_wrapper.metrics.counters import (
    FEEDBACK_ABSOLUTE_ERROR,
    FEEDBACK_CLOSED_DAYS,
    FEEDBACK_COVERED_DAYS,
    FEEDBACK_DAYS,
    FEEDBACK_OVER,
    FEEDBACK_SALES,
    FEEDBACK_UNDER,
)
from model_wrapper.sharding import shard_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_wrapper.contract.feedback import Feedback, JudgedDay
    from model_wrapper.metrics.counters import Counters
    from model_wrapper.sharding import Layout


_REMEMBERED: Final = 10_000
"""Feedbacks, of 16 bytes each: hours of them."""
_COUNTED: Final = (
    FEEDBACK_DAYS,
    FEEDBACK_CLOSED_DAYS,
    FEEDBACK_SALES,
    FEEDBACK_ABSOLUTE_ERROR,
    FEEDBACK_OVER,
    FEEDBACK_UNDER,
    FEEDBACK_COVERED_DAYS,
)


class Recent:
    """Remembers the last feedbacks, so that one which is sent again is counted once; safe for threads.

    Where one child is away the executor answers 500, although the others counted: the client rightly tries again.
    """

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most, self._lock = most, Lock()
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def is_new(self, *parts: bytes) -> bool:
        """Tell whether an answer and its truth, as bytes, come for the first time; from now on they do not."""
        digest = blake2b(b"".join(blake2b(part).digest() for part in parts), digest_size=16).digest()
        with self._lock:
            if digest in self._seen:
                self._seen.move_to_end(digest)
                return False
            self._seen[digest] = None
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return True


def begin_at_zero(counters: Counters, sources: Iterable[str], alias: str) -> None:
    """Put the live errors on the page before the first feedback: one that comes once a day would else be lost."""
    for source in sources:
        for key in _COUNTED:
            counters.begin_at_zero(key, source=source, alias=alias)


def child_that_answered(day: JudgedDay, feedback: Feedback, layout: Layout) -> int:
    """Return the router's child that counts a day: the same for every child that gets the feedback.

    The one that the answer names; where several answered, or it names one that the graph does not have any more, by
    what the day itself says, whatever fleet is served now.
    """
    last = layout.challenger if layout.challenger_share_percent > 0 else layout.fallback
    if feedback.child is not None and feedback.child <= last:
        return feedback.child
    if day.source == SOURCE_FALLBACK:
        return layout.fallback
    if day.alias == CHALLENGER and layout.challenger_share_percent > 0:
        return layout.challenger
    return shard_of(day.store_id, layout.shards)


def count(days: Iterable[JudgedDay], counters: Counters) -> None:
    """Add days to the live error of their source.

    A day that was rightly forecast as closed is counted apart: it is known, not forecast, and would flatter the error.
    A Prometheus counter cannot fall, so the signed error has two: forecast too much, and too little.
    """
    totals: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for day in days:
        error = day.value - day.truth
        told = {FEEDBACK_CLOSED_DAYS: 1.0}
        if not day.rightly_closed:
            told = {
                FEEDBACK_DAYS: 1.0,
                FEEDBACK_SALES: day.truth,
                FEEDBACK_ABSOLUTE_ERROR: abs(error),
                FEEDBACK_OVER if error > 0 else FEEDBACK_UNDER: abs(error),
                FEEDBACK_COVERED_DAYS: float(day.lower <= day.truth <= day.upper),
            }
        for key, value in told.items():
            totals[key, day.source, day.alias] += value
    for (key, source, alias), total in totals.items():
        counters.add(key, total, source=source, alias=alias)


def reply_to(feedback: Feedback) -> dict[str, Any]:
    """Say what was understood: days that were judged, those of them rightly closed, and those without a forecast."""
    closed = sum(day.rightly_closed for day in feedback.days)
    # Rows, because Seldon's proto keeps the order of a list, but not that of an object's fields.
    row = [len(feedback.days) - closed, closed, feedback.unmatched]
    return {"data": {"names": list(FEEDBACK_REPLY_NAMES), "ndarray": [row]}}
