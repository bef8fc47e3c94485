"""What is odd in an input that can be trained on, and what is done about it: said in the result, never silently.

A problem ends the run (`validate`); a notice does not. Of each kind the first few stores are named and all are counted,
so that the result stays short whatever the chain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fleet.arrays import DAYS_A_WEEK, BoolArray, as_dates, weekdays
from fleet.calendar import OPEN, UNKNOWN
from training.history import History, natural_order
from training.tables import Table

SHOWN_PER_KIND = 5

GAP, ENDED, NO_HISTORY, NO_SALES = "gap", "history-ended", "no-history", "no-sales"
CALENDAR_HOLES = "calendar-holes"
NO_CALENDAR, SHORT_CALENDAR, CALENDAR_ENDS = "no-calendar", "short-calendar", "calendar-ends"
ASSUMED, LIKE_IDS, NO_GROUP = "value-assumed", "ids-alike", "group-unknown"
KINDS = (
    *(LIKE_IDS, NO_GROUP, CALENDAR_ENDS, NO_CALENDAR, SHORT_CALENDAR, CALENDAR_HOLES),
    *(NO_HISTORY, NO_SALES, GAP, ENDED, ASSUMED),
)
"""In the order in which they are told."""

ENDED_DAYS = 28
"""Days without a row at a history's end from which a store may have been given up."""


@dataclass(frozen=True)
class Notice:
    """One oddity of a store, or of the chain where `store` is empty; `date`: its first day, `column`: in our words."""

    kind: str
    store: str
    date: str
    column: str
    what: str


@dataclass(frozen=True)
class Notices:
    """`counts`: stores by kind, all of them.  `shown`: the first of each kind, stores in natural order."""

    counts: Mapping[str, int]
    shown: tuple[Notice, ...]

    def to_plain(self) -> list[dict[str, Any]]:
        """JSON values: an entry a notice, and one of each kind that has more than is shown, with their number."""
        entries: list[dict[str, Any]] = []
        for kind in KINDS:
            own = [notice for notice in self.shown if notice.kind == kind]
            entries += [asdict(notice) for notice in own]
            more = self.counts.get(kind, 0) - len(own)
            if more > 0:
                entries.append(asdict(Notice(kind, "", "", own[0].column, f"and {more} more stores")) | {"more": more})
        return entries


def merged(parts: Sequence[Notices]) -> Notices:
    """The notices of some parts of a chain as one; which part a store is in changes nothing."""
    counts = {kind: sum(part.counts.get(kind, 0) for part in parts) for kind in KINDS}
    shown: list[Notice] = []
    for kind in KINDS:
        own = [notice for part in parts for notice in part.shown if notice.kind == kind]
        order = natural_order(np.array([notice.store for notice in own], dtype=np.str_)) if own else ()
        shown += [own[place] for place in order][:SHOWN_PER_KIND]
    return Notices({kind: count for kind, count in counts.items() if count}, tuple(shown))


def notices_of_stores(history: History, horizon_days: int) -> Notices:
    """Notices that a store's own rows give rise to; of a chain or of a part of it."""
    has_row = np.isfinite(history.sales)
    found = [_no_history(history, has_row), _no_sales(history, has_row), _gaps(history, has_row)]
    found += [_ended(history, has_row), _calendar_of_stores(history, has_row, horizon_days)]
    told = _told(history, has_row, horizon_days)
    found += [_calendar_holes(history, told[:, has_row.shape[1] :])]
    found += [_assumed(history, told, column.name) for column in history.calendar.columns]
    return merged(found)


def kinds_assumed(train: Table) -> Notices:
    """Days of the past without a value of a kind, which are taken for ordinary ones."""
    found = []
    for name, words in train.kinds.items():
        empty = (words.codes < 0) & (train.stores.codes >= 0)
        stores, first = np.unique(train.stores.codes[empty], return_index=True)
        shown = [
            Notice(
                ASSUMED,
                train.stores.words[store],
                _date(int(train.days.days[empty][at])),
                name,
                f"{_days(int((train.stores.codes[empty] == store).sum()))} without a value, this the first written: "
                "taken for ordinary",
            )
            for store, at in list(zip(stores.tolist(), first.tolist(), strict=True))[:SHOWN_PER_KIND]
        ]
        found.append(_notices(ASSUMED, shown, len(stores)))
    return merged(found)


def groups_unknown(store_ids: Sequence[str], groups: Sequence[str], unknown: str) -> Notices:
    """Stores of which the store table leaves out what groups them. `unknown`: what stands for it in a group."""
    found = [pair for pair in zip(store_ids, groups, strict=True) if unknown in pair[1].split("/")]
    what = "the store table leaves out a value: it borrows from, and is answered by, the group"
    return _notices(NO_GROUP, [Notice(NO_GROUP, store_id, "", "group", f"{what} {group}") for store_id, group in found])


def ids_alike(store_ids: Sequence[str]) -> Notices:
    """Ids that differ in leading zeros only: two stores, or one that a spreadsheet has rewritten."""
    alike: dict[str, list[str]] = {}
    for store_id in store_ids:
        alike.setdefault(store_id.lstrip("0"), []).append(store_id)
    pairs = [sorted(ids, key=len) for ids in alike.values() if len(ids) > 1]
    what = "are taken for different stores; they differ in leading zeros only"
    return _notices(LIKE_IDS, [Notice(LIKE_IDS, ids[0], "", "store_id", f"{', '.join(ids)} {what}") for ids in pairs])


def calendar_end(last_day: int, through: int, horizon_days: int) -> Notices:
    """A calendar that ends before the horizon, for every store. `through`: the last day that any table tells of."""
    wanted = last_day + horizon_days
    if through >= wanted:
        return Notices({}, ())
    known = f"is known through {_date(through)}" if through > last_day else "has no day after the history"
    what = (
        f"wanted through {_date(wanted)}, the calendar {known}: later days are forecast with each store's usual opening"
    )
    return _notices(CALENDAR_ENDS, [Notice(CALENDAR_ENDS, "", _date(max(through, last_day) + 1), "ds", what)])


def _notices(kind: str, shown: Sequence[Notice], count: int | None = None) -> Notices:
    total = len(shown) if count is None else count
    return Notices({kind: total} if total else {}, tuple(shown[:SHOWN_PER_KIND]))


def _first(stores: BoolArray) -> list[int]:
    return [int(row) for row in np.flatnonzero(stores)[:SHOWN_PER_KIND]]


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _date(day: int) -> str:
    return str(as_dates(np.array([day]))[0])


def _no_history(history: History, has_row: BoolArray) -> Notices:
    none: BoolArray = np.asarray(~has_row.any(axis=1))
    what = "no row of sales: it has no model, and is answered by the curve of its group"
    shown = [Notice(NO_HISTORY, history.store_ids[row], "", "y", what) for row in _first(none)]
    return _notices(NO_HISTORY, shown, int(none.sum()))


def _no_sales(history: History, has_row: BoolArray) -> Notices:
    none: BoolArray = np.asarray(has_row.any(axis=1) & ~history.fitted_days().any(axis=1))
    what = "no open day with sales: it has no model, and is answered by the curve of its group"
    shown = [Notice(NO_SALES, history.store_ids[row], "", "y", what) for row in _first(none)]
    return _notices(NO_SALES, shown, int(none.sum()))


def _gaps(history: History, has_row: BoolArray) -> Notices:
    """Days without a row within a store's history; not on weekdays that it never has a row of."""
    missing = _within(has_row) & ~has_row
    weekday = weekdays(history.days)
    for day in range(DAYS_A_WEEK):
        on = weekday == day
        missing[:, on] &= has_row[:, on].any(axis=1, keepdims=True)
    days = missing.sum(axis=1)
    shown = [
        Notice(
            GAP,
            history.store_ids[row],
            _date(history.first_day + int(np.argmax(missing[row]))),
            "ds",
            f"{days[row]} days without a row, from this day to {_date(history.first_day + _last(missing[row]))}: "
            "they are left out of the fit, not filled",
        )
        for row in _first(days > 0)
    ]
    return _notices(GAP, shown, int((days > 0).sum()))


def _ended(history: History, has_row: BoolArray) -> Notices:
    silent = np.where(has_row.any(axis=1), np.argmax(has_row[:, ::-1], axis=1), 0)
    ended = silent >= ENDED_DAYS
    shown = [
        Notice(
            ENDED,
            history.store_ids[row],
            _date(history.last_day - int(silent[row]) + 1),
            "ds",
            f"no row in the last {silent[row]} days of the chain's history: it is forecast as if it went on",
        )
        for row in _first(ended)
    ]
    return _notices(ENDED, shown, int(ended.sum()))


def _calendar_of_stores(history: History, has_row: BoolArray, horizon_days: int) -> Notices:
    """Stores of which the calendar says less than of others; what it says of nobody is the chain's notice."""
    ahead = history.calendar.values[OPEN][:, has_row.shape[1] :][:, :horizon_days] != UNKNOWN
    if not ahead.shape[1]:
        return Notices({}, ())
    alive = has_row.any(axis=1)
    none = ~ahead.any(axis=1) & alive
    known = ahead.shape[1] - np.argmax(ahead[:, ::-1], axis=1)
    short = ahead.any(axis=1) & (known < ahead.shape[1])
    usual = "is forecast with its usual opening by weekday, without promotions"
    first = history.last_day + 1
    without = [
        Notice(
            NO_CALENDAR,
            history.store_ids[row],
            _date(first),
            OPEN,
            f"not in the calendar of the days ahead: it {usual}",
        )
        for row in _first(none)
    ]
    shorter = [
        Notice(
            SHORT_CALENDAR,
            history.store_ids[row],
            _date(first + int(known[row])),
            OPEN,
            f"its calendar ends before that of other stores: from this day on it {usual}",
        )
        for row in _first(short)
    ]
    return merged(
        [_notices(NO_CALENDAR, without, int(none.sum())), _notices(SHORT_CALENDAR, shorter, int(short.sum()))]
    )


def _calendar_holes(history: History, ahead: BoolArray) -> Notices:
    """Days ahead of which no table has a row, though it has one of later days."""
    later = np.logical_or.accumulate(ahead[:, ::-1], axis=1)[:, ::-1]
    holes = later & ~ahead
    days = holes.sum(axis=1)
    shown = [
        Notice(
            CALENDAR_HOLES,
            history.store_ids[row],
            _date(history.last_day + 1 + int(np.argmax(holes[row]))),
            OPEN,
            f"{days[row]} days that its calendar leaves out, this the first: its usual opening by weekday",
        )
        for row in _first(days > 0)
    ]
    return _notices(CALENDAR_HOLES, shown, int((days > 0).sum()))


def _told(history: History, has_row: BoolArray, horizon_days: int) -> BoolArray:
    """(n_stores, n_days and the days ahead) the days that some table has a row of."""
    n_days = has_row.shape[1]
    parts = [_known(history, column.name)[:, : n_days + horizon_days] for column in history.calendar.columns]
    told = np.logical_or.reduce(parts)
    told[:, :n_days] &= has_row
    return np.asarray(told)


def _known(history: History, name: str) -> BoolArray:
    values = history.calendar.values[name]
    return np.asarray(values != UNKNOWN if values.dtype == np.uint8 else np.isfinite(values.astype(np.float64)))


def _assumed(history: History, told: BoolArray, name: str) -> Notices:
    """Days that a table has a row of, but no value of one column: of the past, or of the days ahead."""
    calendar = history.calendar
    unknown = told & ~_known(history, name)[:, : told.shape[1]]
    days = unknown.sum(axis=1)
    usual = calendar.usual_numbers.get(name)
    instead = "its usual opening by weekday" if name == OPEN else "none"
    shown = [
        Notice(
            ASSUMED,
            history.store_ids[row],
            _date(calendar.first_day + int(np.argmax(unknown[row]))),
            name,
            f"{_days(int(days[row]))} without a value, this the first: taken for "
            + (instead if usual is None else f"the store's usual, {usual[row]:g}"),
        )
        for row in _first(days > 0)
    ]
    return _notices(ASSUMED, shown, int((days > 0).sum()))


def _within(has_row: BoolArray) -> BoolArray:
    """Days from a store's first row to its last."""
    begun = np.logical_or.accumulate(has_row, axis=1)
    going_on = np.logical_or.accumulate(has_row[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(begun & going_on)


def _last(days: "np.typing.NDArray[np.bool_]") -> int:
    return len(days) - 1 - int(np.argmax(days[::-1]))
