"""What is left of items with problems, so that the rest of them can be checked in the same go."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic_core import ErrorDetails

from model_wrapper.contract.requests import SPELLINGS

Unchecked = Literal["days", "length"]
"""What of an item with problems is checked no further: all that depends on its days, or only how many they are."""
UncheckedParts = dict[int, set[Unchecked]]
"""By the place of every item with problems, also where all of it can be checked; it counts towards no limit."""

_NOBODY = "nobody"  # a store, where none could be read; it is never asked for
_STORE = frozenset({"storeId", "store_id"})
_DAYS = frozenset({"beginDate", "endDate"})
_DEEPEST = 3  # overrides, column, day

_Place = tuple[int | str, ...]


def unchecked_of(details: Iterable[ErrorDetails]) -> UncheckedParts:
    """Tell which items have problems, and whether their days are among them."""
    unchecked: UncheckedParts = {}
    for detail in details:
        index, *place = detail["loc"]
        parts = unchecked.setdefault(int(index), set())
        if not place or SPELLINGS.get(str(place[0])) in _DAYS:
            parts.add("days")
    return unchecked


def salvaged(raw: Sequence[Any], details: Iterable[ErrorDetails]) -> list[Any]:
    """The items without what is wrong in them; one of which nothing is left is a store and no more."""
    bad: dict[int, dict[_Place, bool]] = {}
    for detail in details:
        index, *place = detail["loc"]
        if place and place[-1] == "[key]":
            place.pop()
        # The name of a column is worth a check, whatever stands in place of its days.
        named = len(place) == _DEEPEST - 1 and detail["type"] == "dict_type"
        places = bad.setdefault(int(index), {})
        places[tuple(place)] = named and places.get(tuple(place), True)
    kept = list(raw)
    for index, places in bad.items():
        item = kept[index] if isinstance(kept[index], dict) and () not in places else {}
        good = _without(item, places)
        kept[index] = good if _STORE & good.keys() else {"storeId": _NOBODY, **good}
    return kept


def _without(tree: dict[Any, Any], bad: Mapping[_Place, bool], at: _Place = ()) -> dict[Any, Any]:
    good: dict[Any, Any] = {}
    for key, value in tree.items():
        place = (*at, key)
        if place in bad:
            if bad[place]:
                good[key] = {}
        elif isinstance(value, dict) and len(place) < _DEEPEST:
            good[key] = _without(value, bad, place)
        else:
            good[key] = value
    return good
