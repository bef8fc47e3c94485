"""When stores usually open, read off their past: by weekday, and by kind of day.

Files of sales differ in what they say of a closed day: a row that tells it, a row without sales, or no row at all. A
day without a row, in a week in which the store has others, counts as a day on which it did not open. A weekday is
closed where a store opens on it less than half as often as on its others, so that one that sells something on every
third day is not taken for closed. What a store is too young to tell, its group tells.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet import Calendar
from fleet.arrays import DAYS_A_WEEK, AnyArray, BoolArray, FloatArray, IntArray, weekdays
from fleet.calendar import OPEN, UNKNOWN

MIN_WEEKS = 8
"""Weeks of a store's life after which a weekday that it never has a row of is closed."""

MIN_KIND_DAYS = 3
"""Days of a kind that a store must have lived through to tell by itself whether it opens on them."""

CERTAIN = math.log(1000)
"""Log odds against chance from which few days opened are a habit."""

LATELY_DAYS = 182
"""Days at the end of a history in which a weekday's habit may have become another one."""

OPENED, TOLD, ABSENT = range(3)
KNOWN = 2
"""Place of the days known among those of a kind."""

PROMO = "promo"
"""The flag whose days are never closed for want of a row: promotions are news, closures are not."""

Kind = tuple[str, str]
"""A column of the calendar and one of its labels; a flag's is `1`."""


@dataclass(frozen=True)
class Habits:
    """Days of some stores that tell when they open. First axis: the store, or the group.

    `weekdays`: (n, 7, 3) days opened, days that a row tells of, and days without one in weeks with others; Monday
    first.  Of weekdays on which the store opens: `kinds`: (n, 3) days opened, days that a row tells of, and all that
    are known; `silent`: (n,) dates of no known kind on which most stores had no row, of a group those of one store.
    """

    weekdays: FloatArray
    kinds: Mapping[Kind, FloatArray]
    silent: FloatArray

    def sums(self, members: Sequence[BoolArray]) -> "Habits":
        """Together, of some groups of the stores."""
        return Habits(
            np.array([self.weekdays[rows].sum(axis=0) for rows in members]),
            {kind: np.array([days[rows].sum(axis=0) for rows in members]) for kind, days in self.kinds.items()},
            np.array([self.silent[rows].max(initial=0.0) for rows in members]),
        )

    def rows(self, rows: IntArray) -> "Habits":
        """Of the stores, or groups, at those rows."""
        return Habits(self.weekdays[rows], {kind: days[rows] for kind, days in self.kinds.items()}, self.silent[rows])


@dataclass(frozen=True)
class GroupHabits:
    """Habits of a chain's groups. `names`: in the order of the rows."""

    names: tuple[str, ...]
    habits: Habits

    def of(self, groups: npt.NDArray[np.str_]) -> Habits:
        """(n_stores,) each store's group's."""
        places = {name: place for place, name in enumerate(self.names)}
        return self.habits.rows(np.array([places[str(group)] for group in groups], dtype=np.int64))


def joined(parts: Sequence[Habits]) -> Habits:
    """Habits of several parts' stores, below one another; a kind that a part does not have has no days there."""
    kinds = dict.fromkeys(kind for part in parts for kind in part.kinds)
    return Habits(
        np.concatenate([part.weekdays for part in parts]),
        {
            kind: np.concatenate([part.kinds.get(kind, np.zeros((len(part.weekdays), 3))) for part in parts])
            for kind in kinds
        },
        np.concatenate([part.silent for part in parts]),
    )


def by_group(habits: Habits, groups: npt.NDArray[np.str_]) -> GroupHabits:
    """The days of each group's stores together."""
    names = tuple(np.unique(groups).tolist())
    return GroupHabits(names, habits.sums([groups == name for name in names]))


def absent_days(sales: FloatArray, first_day: int) -> BoolArray:
    """(n_stores, n_days): without a row, between a store's first and last, in a calendar week that has others."""
    has_row = np.isfinite(sales)
    # Counted from the Monday on or before the first day.
    week = (np.arange(sales.shape[1]) + weekdays(np.array([first_day]))) // DAYS_A_WEEK
    starts = np.flatnonzero(np.diff(week, prepend=-1))
    alive = np.logical_or.reduceat(has_row, starts, axis=1) if len(starts) else has_row
    return np.asarray(within(has_row) & ~has_row & alive[:, week])


def within(has_row: BoolArray) -> BoolArray:
    """Days from a store's first row to its last."""
    begun = np.logical_or.accumulate(has_row, axis=1)
    going_on = np.logical_or.accumulate(has_row[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(begun & going_on)


def habits_of(calendar: Calendar, sales: FloatArray, n_days: int, *, told: bool) -> Habits:
    """What the first `n_days` of a calendar, and the sales known in them, tell of each store.

    Args: told: the calendar says when stores open; else `open` was read off the sales.
    """
    opening = calendar.values[OPEN][:, :n_days]
    absent = np.zeros(opening.shape, dtype=np.bool_)
    absent[:, : sales.shape[1]] = absent_days(sales, calendar.first_day)
    absent &= opening == UNKNOWN
    weekday = weekdays(np.arange(calendar.first_day, calendar.first_day + n_days))
    days = _of_today(_by_weekday(opening, absent, weekday), _by_weekday(*_lately(opening, absent, weekday)))
    usual = _verdict(days, told=told)[0][:, weekday]
    counts, explained, kinds = (absent | (opening != UNKNOWN)) & usual, np.zeros_like(absent), {}
    codes = {name: _with_absent(calendar.values[name][:, :n_days], absent) for name in _kind_columns(calendar)}
    for (name, label), code in _codes(calendar):
        on_day = codes[name] == code
        explained |= on_day
        known = on_day & counts
        if known.any():
            opened = known & (opening == 1)
            told_days = known & (opening != UNKNOWN)
            counts_of = [days.sum(axis=1) for days in (opened, told_days, known)]
            kinds[name, label] = np.stack(counts_of, axis=1).astype(np.float64)
    unexplained = absent & usual & ~explained
    # One store's lost row is no holiday.
    together = unexplained.sum(axis=0) * 2 > counts.sum(axis=0)
    return Habits(days, kinds, (unexplained & together).sum(axis=1).astype(np.float64))


def _by_weekday(opening: AnyArray, absent: BoolArray, weekday: IntArray) -> FloatArray:
    """(n_stores, 7, 3) as in `Habits.weekdays`."""
    days = np.zeros((len(opening), DAYS_A_WEEK, 3))
    for day in range(DAYS_A_WEEK):
        on = weekday == day
        part = opening[:, on]
        days[:, day] = np.stack([(part == 1).sum(1), (part != UNKNOWN).sum(1), absent[:, on].sum(1)], axis=1)
    return days


def _lately(opening: AnyArray, absent: BoolArray, weekday: IntArray) -> tuple[AnyArray, BoolArray, IntArray]:
    return opening[:, -LATELY_DAYS:], absent[:, -LATELY_DAYS:], weekday[-LATELY_DAYS:]


def _of_today(whole: FloatArray, lately: FloatArray) -> FloatArray:
    """The days of a whole life, or those of lately for a weekday that has become another one while others went on."""

    def shares(days: FloatArray) -> tuple[FloatArray, FloatArray]:
        known = days[..., TOLD] + days[..., ABSENT]
        return days[..., OPENED] / np.maximum(known, 1), known

    share, known = shares(lately)
    before, _ = shares(whole)
    differs = (share < before / 2) | (before < share / 2)
    changed = differs & (known * divergence(share, before) > CERTAIN)
    # A store that was shut, or that sells less than it did, has not changed its week.
    goes_on = share.mean(axis=1) > before.mean(axis=1) / 2
    return np.where((changed & goes_on[:, None])[..., None], lately, whole)


def _with_absent(codes: AnyArray, absent: BoolArray) -> AnyArray:
    """Codes of a kind, those of days without a row as most stores at hand that have one say."""
    known = codes != UNKNOWN
    present = np.unique(codes[known])
    if not len(present) or not absent.any():
        return codes
    counts = np.stack([(codes == code).sum(axis=0) for code in present])
    most = np.where(counts.max(axis=0) * 2 > known.sum(axis=0), present[np.argmax(counts, axis=0)], UNKNOWN)
    return np.where(absent & ~known, most[None, :].astype(np.uint8), codes)


def usual_weekdays(habits: Habits, of_group: Habits, *, told: bool) -> BoolArray:
    """(n_stores, 7): a store usually opens on that weekday; its group's habit where it cannot tell."""
    opens, sure = _verdict(habits.weekdays, told=told)
    return np.where(sure, opens, _verdict(of_group.weekdays, told=told)[0])


def usually_closed(habits: Habits, of_group: Habits, calendar: Calendar) -> dict[str, BoolArray]:
    """Column -> (n_stores, n_codes): a store does not open on days of that kind; columns without any are left out.

    A store that has not lived through `MIN_KIND_DAYS` of them goes by its group. Of a kind that nobody in the group has
    ever had a row of, though there were days without one that nothing explains, these are taken to be such days.
    """
    closed: dict[str, BoolArray] = {}
    nothing = np.zeros((len(habits.weekdays), 3))
    without_a_row = of_group.silent >= MIN_KIND_DAYS
    usual, usual_of_group = _usual_shares(habits), _usual_shares(of_group)
    for (name, label), code in _codes(calendar):
        own, its = habits.kinds.get((name, label), nothing), of_group.kinds.get((name, label), nothing)
        tells = (own[:, KNOWN] >= MIN_KIND_DAYS)[:, None]
        days, expected = np.where(tells, own, its), np.where(tells, usual, usual_of_group)
        # More days ahead than there were such dates are of another kind.
        as_rare = (calendar.values[name] == code).sum(axis=1).max(initial=0) <= of_group.silent
        never_seen = without_a_row & as_rare & (days[:, KNOWN] == 0) & (name != PROMO)
        # One that sells on every other day is closed by what it lacks: sales, or rows.
        shut = never_seen
        for place in (OPENED, TOLD):
            shut = shut | _seldom(days[:, place], days[:, KNOWN], expected[:, place])[1]
        if shut.any():
            n_codes = 2 if calendar.column(name).type == "flag" else len(calendar.column(name).labels)
            closed.setdefault(name, np.zeros((len(shut), n_codes), dtype=np.bool_))[:, code] = shut
    return closed


def _usual_shares(habits: Habits) -> FloatArray:
    """(n, 2) share of the days on which a store opened, and had a row, of those weekdays on which it opens."""
    opened, known = habits.weekdays[..., OPENED], habits.weekdays[..., TOLD] + habits.weekdays[..., ABSENT]
    on = opened * 2 * DAYS_A_WEEK > opened.sum(axis=-1, keepdims=True)  # at least half of an even share
    parts = [np.where(on, days, 0.0).sum(axis=-1) for days in (opened, habits.weekdays[..., TOLD], known)]
    return np.stack([part / np.maximum(parts[2], 1) for part in parts[:2]], axis=-1)


def _kind_columns(calendar: Calendar) -> list[str]:
    return [column.name for column in calendar.columns if column.type != "number" and column.name != OPEN]


def _codes(calendar: Calendar) -> list[tuple[Kind, int]]:
    """Each kind of day that the calendar knows, and its code."""
    found: list[tuple[Kind, int]] = []
    for name in _kind_columns(calendar):
        column = calendar.column(name)
        labels = column.labels[1:] if column.type == "kind" else ("1",)
        found += [((name, label), code) for code, label in enumerate(labels, start=1)]
    return found


def _verdict(days: AnyArray, *, told: bool) -> tuple[BoolArray, BoolArray]:
    """(n, 7) whether a weekday is an open one, and whether its days say so with certainty."""
    opened, rows, absent = (np.asarray(days[..., place], dtype=np.float64) for place in (OPENED, TOLD, ABSENT))
    known = rows + np.where((rows > 0) | (absent >= MIN_WEEKS), absent, 0.0)
    share = opened / np.maximum(known, 1)
    # Of the weekdays on which it opens: one more closed weekday makes no other one more likely to be open.
    usual = (known > 0) & (share >= share.max(axis=-1, keepdims=True) / 2)
    of_usual = [np.where(usual, part, 0.0).sum(axis=-1, keepdims=True) for part in (opened, known)]
    low, seldom = _seldom(opened, known, np.broadcast_to(of_usual[0] / np.maximum(of_usual[1], 1), known.shape))
    # Where opening is told, or there is no row at all, a weekday never opened is no chance.
    never = (opened == 0) & (known > 0) & (told | (rows == 0))
    closed = never | seldom
    # A day or two without opening may have had another reason; one that it opened on is an open one.
    sure = np.where(closed, known >= MIN_KIND_DAYS, ~low & (known > 0))
    return np.asarray(~closed & (opened > 0)), np.asarray(sure)


def _seldom(opened: FloatArray, known: FloatArray, expected: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Whether days were open less than half as often as expected; and whether that is no chance."""
    share = opened / np.maximum(known, 1)
    low = (share < expected / 2) & (known > 0)
    return np.asarray(low), np.asarray(low & (known * divergence(share, expected) > CERTAIN))


def divergence(share: FloatArray, expected: FloatArray) -> FloatArray:
    """Kullback-Leibler divergence of two shares: times the days, the log odds against a chance (Chernoff's bound)."""
    tiny = 1e-9
    p, q = np.clip(share, tiny, 1 - tiny), np.clip(expected, tiny, 1 - tiny)
    return np.asarray(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
