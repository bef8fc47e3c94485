"""Rows of stores, put together part by part."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from fleet import Calendar, Column
from fleet.arrays import AnyArray, StoreRows
from fleet.calendar import OPEN


@dataclass(frozen=True)
class Level(StoreRows):
    level: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Effects(StoreRows):
    name: str
    level: Level
    by_day: Mapping[int, Level]
    measured: AnyArray | None = None


def effects(*levels: float) -> Effects:
    values = np.array(levels, dtype=np.float32)
    return Effects("effects", Level(values), {7: Level(values * 7)})


def test_parts_fill_their_rows_of_the_whole_at_every_depth() -> None:
    whole = effects(1, 2).room_for(5)
    whole.put(np.array([4, 0]), effects(1, 2))
    whole.put(np.array([2]), effects(3))
    assert whole.name == "effects"
    assert whole.measured is None
    assert whole.level.level.tolist() == [2, 0, 3, 0, 1]
    assert whole.by_day[7].level.tolist() == [14, 0, 21, 0, 7]
    assert whole.level.level.dtype == np.float32


def test_a_part_is_copied_not_kept() -> None:
    part = effects(1)
    whole = part.room_for(1)
    whole.put(np.array([0]), part)
    part.level.level[0] = 9
    assert whole.level.level.tolist() == [1]


def test_a_part_with_more_than_there_is_room_for_is_refused() -> None:
    whole = effects(1).room_for(2)
    with pytest.raises(KeyError):
        whole.put(
            np.array([0]),
            Effects("effects", Level(np.ones(1, dtype=np.float32)), {8: Level(np.ones(1, dtype=np.float32))}),
        )


def calendar(closed: Mapping[str, list[bool]]) -> Calendar:
    columns = (Column(OPEN, "flag"), Column("holiday", "kind", ("0", "a", "b")), Column("price", "number"))
    values: dict[str, AnyArray] = {
        OPEN: np.ones((1, 3), dtype=np.uint8),
        "holiday": np.zeros((1, 3), dtype=np.uint8),
        "price": np.ones((1, 3), dtype=np.float32),
    }
    usually_closed = {name: np.array([codes]) for name, codes in closed.items()}
    return Calendar(0, columns, values, np.ones((1, 7), dtype=np.bool_), {"price": np.ones(1)}, usually_closed)


def test_parts_of_a_calendar_may_be_closed_on_different_kinds_of_days() -> None:
    whole = calendar({}).room_for(3)
    whole.put(np.array([2]), calendar({}))
    whole.put(np.array([0]), calendar({"holiday": [False, True, False]}))
    kept = whole.without_unused()
    assert list(kept.usually_closed) == ["holiday"]
    assert kept.usually_closed["holiday"].tolist() == [[False, True, False], [False] * 3, [False] * 3]
    assert kept.values[OPEN].tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1]]
