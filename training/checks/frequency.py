"""How often a chain's sales were counted, found before anything is fitted: only daily sales can be trained on.

Sums of a week, of ten days or of a month look like stores that open on one day in so many, and would be trained so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fleet.arrays import DAYS_A_WEEK, IntArray
from training.checks.notices import RHYTHM, Notice, Notices, date_of
from training.checks.validate import Report
from training.sources.arrow_columns import NO_DAY
from training.sources.tables import TRAIN, Table

MIN_STEPS = 5
"""Steps from row to row that tell a store's rhythm."""

REGULAR_SHARE = 0.9
"""Share of the steps that are the usual one, or a multiple of it."""

PLAY_SHARE = 0.2
"""Of the usual step: months have 28 to 31 days."""

MANY_ROWS = 1.5
"""Mean rows a store and day from which times of day are parts of a day, not the hour at which the day was closed."""

_NAMES: Mapping[int, str] = {
    7: "weekly",
    14: "fortnightly",
    **dict.fromkeys(range(28, 32), "monthly"),
    **dict.fromkeys(range(89, 93), "quarterly"),
    **dict.fromkeys(range(364, 367), "yearly"),
}


@dataclass(frozen=True)
class Rhythm:
    """Of some stores. `n_known`: those with enough rows to have one.  `steps`: store -> days from row to row, of those
    that are regular and not daily, and `first_days` their first days.  `n_timed`: rows of days that have a row with
    a time of day, and `n_timed_days` these days.  `n_rows`: with a date.
    """

    n_known: int = 0
    steps: Mapping[str, int] = field(default_factory=dict)
    first_days: Mapping[str, int] = field(default_factory=dict)
    n_timed: int = 0
    n_timed_days: int = 0
    n_rows: int = 0


def rhythm_of(table: Table) -> Rhythm:
    """The rhythm of each store's rows, whatever else is wrong with them."""
    there = (table.stores.codes >= 0) & (table.days.days != NO_DAY)
    codes, days, timed = table.stores.codes[there], table.days.days[there], ~table.days.whole[there]
    if not len(codes):
        return Rhythm()
    first_day, span = int(days.min()), int(days.max() - days.min()) + 1
    keys = codes * span + days - first_day
    own_days = np.unique(keys)
    own_codes = own_days // span
    starts = np.flatnonzero(np.diff(own_codes, prepend=-1))
    steps, first_days, n_known = {}, {}, 0
    for code, own in zip(own_codes[starts].tolist(), np.split(own_days, starts[1:]), strict=True):
        n_known += len(own) > MIN_STEPS
        step = _usual_step(np.diff(own))
        if step > 1:
            store_id = table.stores.words[code]
            steps[store_id], first_days[store_id] = step, int(own[0]) % span + first_day
    timed_days = np.unique(keys[timed])
    # Midnight is a time of day, too, on a day that has others.
    n_timed = int(np.isin(keys, timed_days).sum()) if len(timed_days) else 0
    return Rhythm(n_known, steps, first_days, n_timed, len(timed_days), len(codes))


def _usual_step(steps: IntArray) -> int:
    """Days from row to row of a store that keeps to them; 0 for one that does not."""
    if len(steps) < MIN_STEPS:
        return 0
    for usual in (max(int(np.median(steps)), 1), max(round(float(steps.mean())), 1)):
        off = np.abs(steps - np.maximum(np.round(steps / usual), 1) * usual)
        if np.mean(off <= int(usual * PLAY_SHARE)) >= REGULAR_SHARE:
            return usual
    return 0


def check(report: Report, rhythms: Iterable[Rhythm]) -> bool:
    """Report sales that are not daily; whether there was something to report."""
    parts = list(rhythms)
    n_timed, n_timed_days, n_rows, n_known = (
        sum(getattr(part, name) for part in parts) for name in ("n_timed", "n_timed_days", "n_rows", "n_known")
    )
    wanted = "wanted one row a store and day"
    if 2 * n_timed > n_rows and n_timed > MANY_ROWS * n_timed_days:
        came = f"times of day, {n_timed / n_timed_days:.0f} rows a store and day: sum the sales of each day first"
        report.table(TRAIN, "ds", wanted, came)
        return True
    steps = Counter(step for part in parts for step in part.steps.values())
    if 2 * steps.total() <= n_known:
        return False
    step, _ = steps.most_common(1)[0]
    stores = f"{steps.total()} of {n_known} stores"
    came = f"{_name(step)} rows, {stores} have one every {step} days: give the sales of each day"
    if step <= DAYS_A_WEEK:
        came += f". If the stores really open on one day in {step}, add a row with open = 0 for each closed day"
    report.table(TRAIN, "ds", wanted, came)
    return True


def notices(rhythm: Rhythm) -> Notices:
    """Stores with a rhythm of their own in a chain that is daily."""
    return Notices(
        tuple(
            Notice(
                *(RHYTHM, store_id, date_of(rhythm.first_days[store_id]), "ds"),
                f"a row every {step} days: all other days count as closed. If these are sums of {step} days, "
                "give the sales of each day",
            )
            for store_id, step in rhythm.steps.items()
        )
    )


def _name(step: int) -> str:
    return _NAMES.get(step, f"{step}-day")
