"""What a cell's text means, whichever door it came through: CSV, Parquet, SQL, a request or a notebook.

Pure text rules, in standard Python alone, so that training and serving share them and neither pays for the import.

Where each applies: `is_missing` to numbers, flags and dates. An id is missing only where it is empty, for a store may
be called NA or None; so is a kind, whose every written text is a value of its own (a mapping's `none` can be "NA").
"""

import math
import re
from datetime import date, datetime

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})
_MISSING = frozenset({"", "na", "n/a", "nan", "-nan", "null", "none", "nil", "nat", "<na>", "#n/a", "#na", "\\n"})
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": "1", "false": "0"}
_ZONE_NAMES = (" UTC", " GMT")


def is_missing(text: str) -> bool:
    """Whether a number's, a flag's or a date's cell says that there is nothing, as pandas, R or a database write it."""
    return text.strip().lower() in _MISSING


def flag_of(text: str) -> int | None:
    """1 or 0 for any usual spelling of yes and no, in any case, as 1.0 and 0.0 too; None for anything else."""
    word = whole_text(text.strip()).lower()
    return 1 if word in _TRUE else 0 if word in _FALSE else None


def number_of(text: str) -> float | None:
    """The finite number that a text spells, decimals after a point; true and false are 1 and 0; None for all others."""
    word = text.strip()
    word = _BOOLEANS.get(word.lower(), word)
    # Not left to float(): it also reads "1_000", "infinity" and digits of other scripts.
    number = float(word) if _NUMBER.fullmatch(word) else math.nan
    return number if math.isfinite(number) else None


def whole_text(text: str) -> str:
    """The digits of a whole number that was written as a float: "4.0" is "4"; any other text, "007" or "4.5", stays."""
    match = _WHOLE.fullmatch(text)
    if match is None:
        return text
    return "0" if match[1] == "-0" else match[1]


def kind_text(text: str) -> str:
    """The name of a kind's value, one for all its spellings: "0.0" and "False" are "0"; case counts in all others."""
    word = text.strip()
    return _BOOLEANS.get(word.lower(), whole_text(word))


def written_day(text: str) -> tuple[date, bool] | None:
    """The day that an ISO date or timestamp shows, and whether it shows midnight; None if it is neither.

    An offset is not reckoned with: 2022-01-03T00:00:00+01:00 is midnight of 3 January where it was written, though it
    is still 2 January in UTC.
    """
    word = text.strip()
    for name in _ZONE_NAMES:
        word = word.removesuffix(name)
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return None
    return moment.date(), moment.time() == datetime.min.time()
