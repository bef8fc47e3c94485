"""Your column names. Those of Kaggle's Rossmann data are built in; a TOML file names those of any other data.

[columns]                 # name in Storecast = name in your tables
store_id = "shop"
ds = "day"                # the date
y = "revenue"             # the sales
open = "is_open"          # optional: without it, opening days are inferred from the sales; may be in the calendar only
[flags]                   # known for the days ahead: 0 or 1
promo = "promo"
[kinds]                   # known for the days ahead: text; none: the value of an ordinary day, "" for an empty cell
state_holiday = { column = "holiday", none = "0" }
[numbers]                 # known for the days ahead: any finite number
temperature = "temp"
[stores]                  # optional: the store table
store_id = "shop"
group = ["format", "region"]

Names have letters, digits and underscores, and are in one section only. Promotions are a flag with the name `promo`.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.cells import kind_text
from training.errors import DataError

_AHEAD = ("flags", "kinds", "numbers")
_SECTIONS = {"columns", "stores", *_AHEAD}
_COLUMNS = {"store_id", "ds", "y", "open"}
_STORES = {"store_id", "group"}
_ONLY_A_FLAG = "promo"
"""The baseline's curves have one cell for days with it, and one for days without."""


@dataclass(frozen=True)
class Kind:
    """A column of named values; `none` is the value of an ordinary day, "" where its cell is empty."""

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


def mapped_from_plain(plain: Mapping[str, Any]) -> Mapped:
    """The inverse of `dataclasses.asdict`, through JSON."""
    kinds = {name: Kind(**kind) for name, kind in plain["kinds"].items()}
    return Mapped(**{**plain, "kinds": kinds, "group": tuple(plain["group"])})


def read_mapping(path: Path) -> Mapped:
    """Read a mapping file.

    Raises: DataError: not TOML in UTF-8, or with names or values that mean nothing here; all of them are listed.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"cannot read the column mapping {path}: wanted UTF-8, got {error}; save it as UTF-8"
        ) from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read the column mapping {path}: {error}") from error
    problems = _problems(plain)
    if problems:
        raise DataError(f"the column mapping {path} cannot be used:\n" + "\n".join(f"  {line}" for line in problems))
    columns, stores = plain["columns"], plain.get("stores", {})
    kinds = {name: _kind(value) for name, value in plain.get("kinds", {}).items()}
    group = stores.get("group", ())
    return Mapped(
        store_id=columns["store_id"],
        ds=columns["ds"],
        y=columns["y"],
        open=columns.get("open"),
        flags=plain.get("flags", {}),
        kinds=kinds,
        numbers=plain.get("numbers", {}),
        stores_id=stores.get("store_id", columns["store_id"]),
        group=(group,) if isinstance(group, str) else tuple(group),
    )


def _kind(value: str | Mapping[str, str]) -> Kind:
    if isinstance(value, str):
        return Kind(value)
    return Kind(value["column"], kind_text(value.get("none", Kind.none)))


def _problems(plain: Mapping[str, Any]) -> list[str]:
    problems = [f"unknown section [{name}]{_hint(name, _SECTIONS)}" for name in plain.keys() - _SECTIONS]
    none: dict[str, Any] = {}
    sections = {name: plain.get(name, none) for name in _SECTIONS}
    for name, section in sections.items():
        if not isinstance(section, dict):
            problems.append(f"[{name}] wanted a section of names, got {section!r}")
            sections[name] = none
    # One that is no section has been named; which names it lacks is not known.
    if isinstance(plain.get("columns", none), dict):
        problems += _of_columns(sections["columns"])
    return sorted(problems + _of_stores(sections["stores"]) + _of_ahead(sections))


def _of_columns(columns: Mapping[str, Any]) -> list[str]:
    problems = [f"[columns] wants {name}" for name in ("store_id", "ds", "y") if name not in columns]
    problems += [f"[columns] unknown name {name}{_hint(name, _COLUMNS)}" for name in columns.keys() - _COLUMNS]
    return problems + [_no_text("columns", name, columns[name]) for name in columns if not _is_text(columns[name])]


def _of_stores(stores: Mapping[str, Any]) -> list[str]:
    problems = [f"[stores] unknown name {name}{_hint(name, _STORES)}" for name in stores.keys() - _STORES]
    if not _is_text(stores.get("store_id", "")):
        problems.append(_no_text("stores", "store_id", stores["store_id"]))
    group = stores.get("group", [])
    if not (_is_text(group) or (isinstance(group, list) and all(map(_is_text, group)))):
        problems.append(f"[stores] group: wanted a column's name, or a list of them, got {group!r}")
    return problems


def _of_ahead(sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of what is known ahead: each name is one of ours, free, and in one section; each value names a column."""
    problems = []
    for name in dict.fromkeys(name for section in _AHEAD for name in sections[section]):
        where = [section for section in _AHEAD if name in sections[section]]
        place = f"[{where[0]}] {name}"
        if not name.isidentifier():
            problems.append(f"{place}: wanted a name of letters, digits and underscores, which starts with no digit")
        if name in _COLUMNS:
            problems.append(f"{place}: is a column of [columns]; name it there, or choose another name")
        if len(where) > 1:
            problems.append(f"{place}: wanted each name once, it is in [{'] and ['.join(where[1:])}] too")
        if name == _ONLY_A_FLAG and where != ["flags"]:
            problems.append(f"{place}: wanted a flag, 0 or 1, in [flags]; another name can be of any section")
    for section in ("flags", "numbers"):
        bad = [name for name, column in sections[section].items() if not _is_text(column)]
        problems += [_no_text(section, name, sections[section][name]) for name in bad]
    for name, kind in sections["kinds"].items():
        whole = isinstance(kind, dict) and "column" in kind and kind.keys() <= {"column", "none"}
        if not (_is_text(kind) or (whole and all(map(_is_text, kind.values())))):
            problems.append(f"[kinds] {name}: wanted {{ column = ..., none = ... }}, both as text, got {kind!r}")
    return problems


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _no_text(section: str, name: str, value: object) -> str:
    return f"[{section}] {name}: wanted the source's column name as text, got {value!r}"


def _hint(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
