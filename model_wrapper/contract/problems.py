"""What is wrong with a request: a list of problems, each with a path, what was wanted and what came."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from itertools import islice

from model_wrapper.contract.errors import BadRequestError, Problem

REASON = "STORECAST_BAD_REQUEST"
MAX_PROBLEMS = 1000
ENOUGH_PROBLEMS = MAX_PROBLEMS + 1
"""Reading stops here: what a body costs must not grow with what is wrong in it."""
HINTS = 20
"""Problems of one request that name the nearest known name: finding it costs far more than the rest."""
MAX_GOT_CHARS = 60
_LONGEST_NEAR = 1000
_PROBLEMS_IN_SENTENCE = 20
_LONGEST_PATH = 300
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def problem(path: str, wanted: str, got: object) -> Problem:
    """Describe one problem; `got` is the value itself and is shortened here."""
    return Problem(path=_plain(path), wanted=wanted, got=shortened(got))


def problem_in_words(path: str, wanted: str, got: str) -> Problem:
    """Describe one problem with `got` already in words."""
    return Problem(path=_plain(path), wanted=wanted, got=_plain(got))


def refusal(problems: Sequence[Problem]) -> BadRequestError:
    """Build the one error of a request from all its problems."""
    listed = list(problems[:MAX_PROBLEMS])
    over = len(problems) > MAX_PROBLEMS
    if over:
        listed.append(problem_in_words("", f"at most {MAX_PROBLEMS} problems to list", "more"))
    sentences = [f"{p['path'] or 'request'}: wanted {p['wanted']}, got {p['got']}" for p in listed]
    more = len(sentences) - _PROBLEMS_IN_SENTENCE
    text = "; ".join(sentences[:_PROBLEMS_IN_SENTENCE]) + (f"; and {more} more" if more > 0 else "")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    count = f"more than {MAX_PROBLEMS} problems" if over else count
    return BadRequestError(f"The request has {count}: {text}.", listed)


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean x?)` for the nearest known name, or nothing."""
    # A name that is far too long is near to nothing, and its matching costs seconds.
    close = get_close_matches(name, list(known), n=1, cutoff=0.6) if len(name) < _LONGEST_NEAR else []
    return f" (did you mean {close[0]}?)" if close else ""


def unknown_fields(where: str, names: Iterable[object], known: Collection[str]) -> list[Problem]:
    """Describe the names that are not known, as many as are listed at most; the first with the nearest known one."""
    wanted, unknown = "one of the fields " + ", ".join(known), (str(name) for name in names if name not in known)
    return [
        problem_in_words(where + name, wanted + (nearest(name, known) if place < HINTS else ""), "an unknown field")
        for place, name in enumerate(islice(unknown, ENOUGH_PROBLEMS))
    ]


def shortened(value: object) -> str:
    """A short, printable, ASCII picture of a value out of a request, as JSON spells it."""
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int) and value.bit_length() > 4 * MAX_GOT_CHARS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, dict):
        return f"an object with {len(value)} fields" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    text = json.dumps(value[: MAX_GOT_CHARS + 1]) if isinstance(value, str) else ascii(value)
    return text if len(text) <= MAX_GOT_CHARS + 2 else text[:MAX_GOT_CHARS] + "..."


def _plain(text: str) -> str:
    # Names come from clients too: no lone surrogate or endless name may reach the encoder of the answer.
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text[:_LONGEST_PATH])[:_LONGEST_PATH]
