"""What a feedback tells of our forecasts: live error and coverage, counted by the one child that answered a day."""

from collections import defaultdict
from collections.abc import Iterable

from fleet.names import CHALLENGER
from model_wrapper.contract.answers import SOURCE_FALLBACK
from model_wrapper.contract.feedback import Feedback, JudgedDay
from model_wrapper.metrics.counters import (
    FEEDBACK_ABSOLUTE_ERROR,
    FEEDBACK_CLOSED_DAYS,
    FEEDBACK_COVERED_DAYS,
    FEEDBACK_DAYS,
    FEEDBACK_OVER,
    FEEDBACK_SALES,
    FEEDBACK_UNDER,
    Counters,
)
from model_wrapper.sharding import Layout, shard_of

_COUNTED = (
    FEEDBACK_DAYS,
    FEEDBACK_CLOSED_DAYS,
    FEEDBACK_SALES,
    FEEDBACK_ABSOLUTE_ERROR,
    FEEDBACK_OVER,
    FEEDBACK_UNDER,
    FEEDBACK_COVERED_DAYS,
)


def begin_at_zero(counters: Counters, sources: Iterable[str], alias: str) -> None:
    """Put the live errors on the page before the first feedback: one that comes once a day would else be lost."""
    for source in sources:
        for key in _COUNTED:
            counters.begin_at_zero(key, source=source, alias=alias)


def child_that_answered(day: JudgedDay, feedback: Feedback, layout: Layout) -> int:
    """The router's child that counts a day: the same for every child that gets the feedback.

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
        counted = {FEEDBACK_CLOSED_DAYS: 1.0}
        if not day.rightly_closed:
            counted = {
                FEEDBACK_DAYS: 1.0,
                FEEDBACK_SALES: day.truth,
                FEEDBACK_ABSOLUTE_ERROR: abs(error),
                FEEDBACK_OVER if error > 0 else FEEDBACK_UNDER: abs(error),
                FEEDBACK_COVERED_DAYS: float(day.lower <= day.truth <= day.upper),
            }
        for key, value in counted.items():
            totals[key, day.source, day.alias] += value
    for (key, source, alias), total in totals.items():
        counters.add(key, total, source=source, alias=alias)
