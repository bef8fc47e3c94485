"""Which column of a source is which of ours. Kaggle's Rossmann layout is built in; a small TOML file names any other.

[columns]                 # ours = the source's
store_id = "shop"
ds = "day"
y = "revenue"
open = "is_open"          # optional; without it a day with sales is an open day
[flags]                   # known ahead, 0 or 1
promo = "promo"
[kinds]                   # known ahead, named values; the first is "none"
state_holiday = { column = "holiday", none = "0" }
[numbers]                 # known ahead, any finite number
temperature = "temp"
[stores]                  # the store table, optional
store_id = "shop"
group = ["format", "region"]
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import DataError

_SECTIONS = {"columns", "flags", "kinds", "numbers", "stores"}
_COLUMNS = {"store_id", "ds", "y", "open"}


@dataclass(frozen=True)
class Kind:
    """A column of named values; `none` is the value of an ordinary day."""

    column: str
    none: str = "0"


@dataclass(frozen=True)
class Mapped:
    """Our names -> the source's."""

    store_id: str = "Store"
    ds: str = "Date"
    y: str = "Sales"
    open: str | None = "Open"
    flags: Mapping[str, str] = field(default_factory=lambda: {"promo": "Promo", "school_holiday": "SchoolHoliday"})
    kinds: Mapping[str, Kind] = field(default_factory=lambda: {"state_holiday": Kind("StateHoliday")})
    numbers: Mapping[str, str] = field(default_factory=dict)
    stores_id: str = "Store"
    group: tuple[str, ...] = ("StoreType", "Assortment")

    def known_ahead(self) -> dict[str, str]:
        """Our name -> the source's, of every column that the calendar of the days ahead has too."""
        opening = {"open": self.open} if self.open else {}
        return {**opening, **self.flags, **{name: kind.column for name, kind in self.kinds.items()}, **self.numbers}


ROSSMANN = Mapped()


def read_mapping(path: Path) -> Mapped:
    """Read a mapping file.

    Raises: DataError: not TOML, or with names that mean nothing here; all of them are listed.
    """
    try:
        plain = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read the column mapping {path}: {error}") from error
    problems = _problems(plain)
    if problems:
        raise DataError(f"the column mapping {path} cannot be used:\n" + "\n".join(f"  {line}" for line in problems))
    columns, stores = plain["columns"], plain.get("stores", {})
    kinds = {
        name: value if isinstance(value, dict) else {"column": value} for name, value in plain.get("kinds", {}).items()
    }
    group = stores.get("group", ())
    return Mapped(
        store_id=columns["store_id"],
        ds=columns["ds"],
        y=columns["y"],
        open=columns.get("open"),
        flags=plain.get("flags", {}),
        kinds={name: Kind(**kind) for name, kind in kinds.items()},
        numbers=plain.get("numbers", {}),
        stores_id=stores.get("store_id", columns["store_id"]),
        group=(group,) if isinstance(group, str) else tuple(group),
    )


def _problems(plain: Mapping[str, Any]) -> list[str]:
    problems = [f"unknown section [{name}]{_hint(name, _SECTIONS)}" for name in plain.keys() - _SECTIONS]
    columns = plain.get("columns", {})
    problems += [f"[columns] wants {name}" for name in ("store_id", "ds", "y") if name not in columns]
    problems += [f"[columns] unknown name {name}{_hint(name, _COLUMNS)}" for name in columns.keys() - _COLUMNS]
    for section in ("flags", "numbers"):
        bad = [name for name, column in plain.get(section, {}).items() if not isinstance(column, str)]
        problems += [f"[{section}] {name}: wanted the source's column name as text" for name in bad]
    for name, kind in plain.get("kinds", {}).items():
        if isinstance(kind, dict) and ("column" not in kind or kind.keys() - {"column", "none"}):
            problems.append(f"[kinds] {name}: wanted {{ column = ..., none = ... }}, got {dict(kind)}")
    return sorted(problems)


def _hint(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
