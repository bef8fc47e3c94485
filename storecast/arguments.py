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


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Every option shows its default as `(default: 7)`.

    A text that ends with its own `(default: ...)` keeps it: where the default is a rule and no value.
    """

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        # Flags, positional arguments and options without a default have none to show.
        if (
            "(default: " in text
            or not action.option_strings
            or action.default in (None, False, "", [], argparse.SUPPRESS)
        ):
            return text
        return f"{text} (default: %(default)s)"


def verb(verbs: Verbs, name: str, summary: str, run: Callable[[argparse.Namespace], int], examples: str) -> Any:  # noqa: ANN401 - a parser
    """Add one verb; its help ends with examples that work."""
    added = _add_parser(verbs, name, summary, examples)
    added.set_defaults(run=run)
    return added


def group(verbs: Verbs, name: str, summary: str, examples: str) -> Any:  # noqa: ANN401 - a parser
    """Add a verb that has verbs of its own, each with its own help text."""
    added = _add_parser(verbs, name, summary, examples)
    added.description += f"\nRun `storecast {name} VERB --help` for the options of a verb."
    return added


def _add_parser(verbs: Verbs, name: str, summary: str, examples: str) -> Any:  # noqa: ANN401 - a parser
    lines = "".join(f"  {line.strip()}\n" for line in examples.strip().splitlines())
    return verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{lines}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )


def add_home(parser: argparse.ArgumentParser) -> None:
    """`--home`: the folder of the local registry, caches and logs."""
    default = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME)
    parser.add_argument(
        "--home",
        type=Path,
        default=default,
        metavar="FOLDER",
        help=f"folder of the local registry, caches and logs; the variable {HOME_VARIABLE} sets the default",
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
    """A share in percent, from 0 to 100."""
    number = _number(text, float)
    if not 0 <= number <= 100:  # noqa: PLR2004 - per cent
        raise argparse.ArgumentTypeError(f"wanted 0 to 100 percent, got {text}")
    return number


def word(text: str) -> str:
    """A name without spaces and without characters that are special to a shell or to Kubernetes."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise argparse.ArgumentTypeError(
            f"wanted 1 to 63 letters, digits, dots, dashes and underscores, first a letter or digit, got {text!r}"
        )
    return text


def share_or_none(text: str) -> float | None:
    """A share from 0 to 1, or the word `none`."""
    return None if text == "none" else share(text)


def level(text: str) -> float:
    """The level of a prediction interval that a fleet can compute."""
    number = _number(text, float)
    if not MIN_LEVEL <= number <= MAX_LEVEL:
        raise argparse.ArgumentTypeError(f"wanted a level from {MIN_LEVEL} to {MAX_LEVEL}, got {text}")
    return number


def date(text: str) -> dt.date:
    """A day such as 2015-06-20."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted a date such as 2015-06-20, got {text!r}") from None
