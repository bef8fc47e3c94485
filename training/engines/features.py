"""Which features a chain's models get: one table, read off the columns that its calendar has."""

from collections import Counter
from collections.abc import Sequence

from fleet import Column, Design, Regressor, Seasonality
from fleet.arrays import FloatArray, IntArray
from fleet.calendar import OPEN, Calendar
from fleet.design import Growth, Transform
from fleet.features import CLOSURE_REACH_DAYS, columns_of, padded_window
from training.errors import DataError
from training.history.opening_days import PROMO

WEEKDAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

WEEKLY = Seasonality("weekly", 7, 3)
# Four harmonics: more of them follow what happened once in a history of two or three years.
YEARLY = Seasonality("yearly", 365.25, 4)

LONG_CLOSURE_DAYS = 5

CALENDAR_FEATURES = (
    # Shoppers stock up before a closure and come back after it, more so around a long one.
    Regressor("before_closure", "next_to_closure", {"side": 1, "min_days": 1}),
    Regressor("after_closure", "next_to_closure", {"side": -1, "min_days": 1}),
    Regressor("before_long_closure", "next_to_closure", {"side": 1, "min_days": LONG_CLOSURE_DAYS}),
    Regressor("after_long_closure", "next_to_closure", {"side": -1, "min_days": LONG_CLOSURE_DAYS}),
    # Wages come at the turn of the month, and are spent by the day.
    Regressor("month_day_1", "month_day", {"first": 1, "last": 1}),
    Regressor("month_days_2_3", "month_day", {"first": 2, "last": 3}),
    Regressor("month_days_4_7", "month_day", {"first": 4, "last": 7}),
    Regressor("month_last_day", "month_day", {"first": -1, "last": -1}),
    Regressor("month_days_before_last", "month_day", {"first": -3, "last": -2}),
    # December climbs by the week; the days off change with the year, so a yearly wave cannot follow them.
    Regressor("christmas_weeks_3_2", "around_date", {"month": 12, "day": 24, "first": -21, "last": -8}),
    Regressor("christmas_week_1", "around_date", {"month": 12, "day": 24, "first": -7, "last": -1}),
    Regressor("christmas_eve", "around_date", {"month": 12, "day": 24, "first": 0, "last": 0}),
    Regressor("after_christmas", "around_date", {"month": 12, "day": 24, "first": 1, "last": 6}),
    Regressor("new_years_eve", "around_date", {"month": 12, "day": 31, "first": 0, "last": 0}),
)


def design_of(columns: Sequence[Column], *, growth: Growth = "linear", transform: Transform = "log1p") -> Design:
    """The features of a chain, from the columns of its calendar.

    Weekly and yearly waves, promotions by weekday, holidays by kind, closures, the month's turn, Christmas, and every
    further column by its name.

    Raises: DataError: two features have the same name.
    """
    regressors: list[Regressor] = []
    for column in columns:
        if column.name == PROMO:
            # A promotion lifts a Monday more than a Friday: one coefficient for all would be wrong on both.
            regressors += [
                Regressor(f"promo_{name}", "flag_on_weekday", {"column": PROMO, "weekday": weekday})
                for weekday, name in enumerate(WEEKDAY_NAMES)
            ]
        elif column.type == "kind":
            for label in column.labels[1:]:
                kind: dict[str, str | int] = {"column": column.name, "label": label}
                regressors += [
                    Regressor(f"{column.name}_{label}", "kind", kind),
                    # A holiday is shopped for in the days before it, whatever its date.
                    Regressor(f"week_before_{column.name}_{label}", "before_kind", {**kind, "first": 1, "last": 6}),
                    Regressor(f"eve_of_{column.name}_{label}", "before_kind", {**kind, "first": 1, "last": 2}),
                ]
        elif column.name != OPEN:
            regressors.append(Regressor(column.name, column.type, {"column": column.name}))
    design = Design((WEEKLY, YEARLY), (*regressors, *CALENDAR_FEATURES), growth, transform)
    counts = Counter(design.beta_names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            f"wanted columns whose names are not those of other features, got {', '.join(twice)} twice: give them "
            "other names in the column mapping"
        )
    return design


def regressor_table(calendar: Calendar, design: Design, rows: IntArray, days: IntArray) -> list[FloatArray]:
    """Each regressor's values, (n_rows, n_days), over consecutive days, as `Fleet.predict` will evaluate them."""
    window = padded_window(calendar, rows, int(days[0]), int(days[-1]), None)
    inner = slice(CLOSURE_REACH_DAYS, CLOSURE_REACH_DAYS + len(days))
    return [values[:, inner] for values in columns_of(window, design.regressors)]
