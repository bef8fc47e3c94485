"""Days as they stand in requests and answers."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

FIRST_YEAR: Final = 1700
LAST_YEAR: Final = 2200
DAY_WANTED: Final = (
    f"a day such as 2015-06-20 or 2015-06-20T00:00:00Z, years {FIRST_YEAR} to {LAST_YEAR}"  # datetime64[ns] ends 2262
)
# A time of day other than midnight is refused: a forecast has no hours, and cutting it off could hide a time zone bug.
_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T00:00:00(?:\.0{1,9})?(?:Z|\+00:00)?)?", re.ASCII)


@lru_cache(maxsize=4096)
def day_of(text: str) -> date | None:
    """Return the day a text names, or None if it names none."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        day = date.fromisoformat(match.group(1))
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def days_between(begin: date, end: date) -> int:
    """Count the days from ``begin`` to ``end``, both inclusive."""
    return (end - begin).days + 1


def plus_days(day: date, days: int) -> date:
    """Return the day ``days`` later, negative for earlier."""
    return day + timedelta(days=days)
