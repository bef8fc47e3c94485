"""Options and argument types that several verbs share."""

import argparse
import datetime as dt
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fleet.intervals import MAX_LEVEL, MIN_LEVEL

HOME_VARIABLE = "STORECAST_HOME"
DEFAULT_HOME = ".storecast"

N = TypeVar("N", int, float)

Verbs = Any  # argparse keeps the type of its subparsers to itself


def verb(verbs: Verbs, name: str, summary: str, run: Callable[[argparse.Namespace], int], examples: str) -> Any:  # noqa: ANN401 - a parser
    """Add one verb; its help ends with commands that work."""
    lines = "".join(f"  {line.strip()}\n" for line in examples.strip().splitlines())
    added = verbs.add_parser(
        name,
        help=summary,
        description=_sentence(summary),
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    added.set_defaults(run=run)
    return added


def group(verbs: Verbs, name: str, summary: str) -> Any:  # noqa: ANN401 - a parser
    """Add a verb that has verbs of its own, each with a help text of its own."""
    return verbs.add_parser(
        name,
        help=summary,
        description=f"{_sentence(summary)} `storecast {name} VERB --help` tells of each.",
        allow_abbrev=False,
    )


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def add_home(parser: argparse.ArgumentParser) -> None:
    """`--home`: where the registry, caches and logs of this machine are kept."""
    default = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME)
    parser.add_argument(
        "--home",
        type=Path,
        default=default,
        help=f"folder for the registry, caches and logs (${HOME_VARIABLE}; {default})",
    )


def _number(text: str, kind: Callable[[str], N]) -> N:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"wanted {wanted}, got {text!r}") from None


def port(text: str) -> int:
    """A TCP port; 0 lets the system choose."""
    number = _number(text, int)
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"wanted a port from 0 to 65535, got {text}")
    return number


def positive(text: str) -> int:
    """An integer of 1 or more."""
    number = _number(text, int)
    if number < 1:
        raise argparse.ArgumentTypeError(f"wanted 1 or more, got {text}")
    return number


def not_negative(text: str) -> int:
    """An integer of 0 or more."""
    number = _number(text, int)
    if number < 0:
        raise argparse.ArgumentTypeError(f"wanted 0 or more, got {text}")
    return number


def share(text: str) -> float:
    """A share from 0 to 1."""
    number = _number(text, float)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"wanted a share from 0 to 1, got {text}")
    return number


def percent(text: str) -> float:
    """A share from 0 to 100 percent."""
    number = _number(text, float)
    if not 0 <= number <= 100:  # noqa: PLR2004 - per cent
        raise argparse.ArgumentTypeError(f"wanted 0 to 100 percent, got {text}")
    return number


def word(text: str) -> str:
    """A name without spaces and signs that a shell or Kubernetes would read."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise argparse.ArgumentTypeError(f"wanted up to 63 letters, digits, dots and dashes, got {text!r}")
    return text


def share_or_none(text: str) -> float | None:
    """A share from 0 to 1, or the word `none`."""
    return None if text == "none" else share(text)


def level(text: str) -> float:
    """An interval level that the fleet can answer."""
    number = _number(text, float)
    if not MIN_LEVEL <= number <= MAX_LEVEL:
        raise argparse.ArgumentTypeError(f"wanted a level from {MIN_LEVEL} to {MAX_LEVEL}, got {text}")
    return number


def date(text: str) -> dt.date:
    """A day such as 2015-06-20."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted a date such as 2015-06-20, got {text}") from None
