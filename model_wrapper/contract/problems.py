"""What is wrong with a request: a list of problems, each with a path, what was wanted and what came."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from model_wrapper.errors import BadRequestError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REASON: Final = "STORECAST_BAD_REQUEST"
MAX_PROBLEMS: Final = 1000
MAX_GOT_CHARS: Final = 60
_PROBLEMS_IN_SENTENCE: Final = 20


def problem(path: str, wanted: str, got: object) -> Problem:
    """Describe one problem; ``got`` is the value itself and is shortened here."""
    return Problem(path=_plain(path), wanted=wanted, got=shortened(got))


def told(path: str, wanted: str, got: str) -> Problem:
    """Describe one problem with ``got`` already in words."""
    return Problem(path=_plain(path), wanted=wanted, got=_plain(got))


def refusal(problems: Sequence[Problem]) -> BadRequestError:
    """Build the one error of a request from all its problems."""
    listed = list(problems[:MAX_PROBLEMS])
    left = len(problems) - len(listed)
    if left:
        listed.append(told("", f"at most {MAX_PROBLEMS} problems to list", f"{left} more"))
    sentences = [f"{p['path'] or 'request'}: wanted {p['wanted']}, got {p['got']}" for p in listed]
    more = len(sentences) - _PROBLEMS_IN_SENTENCE
    text = "; ".join(sentences[:_PROBLEMS_IN_SENTENCE]) + (f"; and {more} more" if more > 0 else "")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return BadRequestError(f"The request has {count}: {text}.", listed)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean x?)`` for the nearest known name, or nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def shortened(value: object) -> str:
    """Return a short, printable, ASCII picture of a value out of a request."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 4 * MAX_GOT_CHARS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, dict):
        return f"an object with {len(value)} fields" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    text = ascii(value[: MAX_GOT_CHARS + 1]) if isinstance(value, str) else ascii(value)
    return text if len(text) <= MAX_GOT_CHARS + 2 else text[:MAX_GOT_CHARS] + "..."


def _plain(text: str) -> str:
    # Names come from clients too: no lone surrogate or endless name may reach the encoder of the answer.
    return text.encode("ascii", "backslashreplace").decode()[:300]
