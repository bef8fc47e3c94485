"""Days as they stand in requests and answers."""

import re
from datetime import date, timedelta
from functools import lru_cache

FIRST_YEAR = 1700
LAST_YEAR = 2200
DAY_WANTED = (
    f"a day such as 2015-06-20 or 2015-06-20T00:00:00Z, years {FIRST_YEAR} to {LAST_YEAR}"  # datetime64[ns] ends 2262
)
# A time of day other than midnight is refused: a forecast has no hours, and cutting it off could hide a time zone bug.
# Midnight with any offset is the day that is written, as in the tables of a training.
_CLOCK = r"[T ]00:00(:00(\.0{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
DAY_PATTERN = rf"^(1[7-9][0-9]{{2}}|2[01][0-9]{{2}}|2200)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])({_CLOCK})?$"
"""Every day of the years that can be read, with or without its midnight, for readers and for the JSON Schemas."""
_DAY = re.compile(DAY_PATTERN)
_DATE_CHARS = len("2015-06-20")


@lru_cache(maxsize=4096)
def day_of(text: str) -> date | None:
    """The day a text names, or None if it names none."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text[:_DATE_CHARS])
    except ValueError:
        return None


def days_between(begin: date, end: date) -> int:
    """Count the days from `begin` to `end`, both inclusive."""
    return (end - begin).days + 1


def plus_days(day: date, days: int) -> date:
    """The day `days` later, negative for earlier."""
    return day + timedelta(days=days)
