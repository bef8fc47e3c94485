"""Promises of a forecast: closed is 0, bounds are ordered, unknown days are assumed, overrides answer what-if."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import fleets

from fleet import Column, FeatureError, Fleet, LevelError, Regressor
from fleet.arrays import FloatArray
from fleet.calendar import Overrides, Window
from fleet.features import Tables

KNOWN = np.arange("2015-06-20", "2015-08-01", dtype="datetime64[D]")
MONDAY = np.datetime64("2015-06-22")


@cache
def fleet() -> Fleet:
    return Fleet.from_contents(fleets.contents(6))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    start=st.integers(-4000, 4000),
    n_days=st.integers(1, 80),
    level=st.floats(0.5, 0.99),
    transform=st.sampled_from(["log1p", "identity"]),
    ask=st.sampled_from(["predict", "fallback"]),
)
def test_bounds_are_ordered_and_never_negative(
    seed: int, start: int, n_days: int, level: float, transform: str, ask: str
) -> None:
    some = Fleet.from_contents(fleets.contents(3, seed=seed, shape=fleets.design(transform=transform)))  # type: ignore[arg-type]
    days = KNOWN[0] + np.arange(start, start + n_days)
    forecast = getattr(some, ask)(["3", "1"], days, level)
    assert forecast.value.shape == (2, n_days)
    assert (forecast.lower >= 0).all()
    assert (forecast.lower <= forecast.value).all()
    assert (forecast.value <= forecast.upper).all()
    for part in (forecast.value, forecast.lower, forecast.upper):
        assert np.isfinite(part).all()
        assert (part[forecast.closed] == 0).all()


def test_closed_days_are_exactly_zero_in_both_answers() -> None:
    sundays = KNOWN[(KNOWN.astype(int) + 3) % 7 == 6]
    for forecast in (fleet().predict(["1", "2"], sundays), fleet().fallback(["1", "2"], sundays)):
        assert forecast.closed.all()
        assert (forecast.value == 0).all()
        assert (forecast.upper == 0).all()


def test_days_may_be_asked_in_any_order_and_repeated() -> None:
    mixed = KNOWN[[5, 0, 17, 5]]
    some, all_days = fleet().predict(["2"], mixed), fleet().predict(["2"], KNOWN)
    np.testing.assert_array_equal(some.value[0], all_days.value[0][[5, 0, 17, 5]])
    assert (some.dates == mixed).all()


@settings(max_examples=30)
@given(
    stores=st.lists(st.sampled_from("123456"), min_size=1, max_size=30),  # small and large sums are two ways
    first=st.integers(0, len(KNOWN) - 1),
    n_days=st.integers(1, len(KNOWN)),
    ask=st.sampled_from(["predict", "fallback"]),
)
def test_a_store_has_the_same_bytes_alone_and_among_others(
    stores: list[str], first: int, n_days: int, ask: str
) -> None:
    days = KNOWN[first : first + n_days]
    together = getattr(fleet(), ask)(stores, days, 0.9)
    for row, store_id in enumerate(stores):
        alone = getattr(fleet(), ask)([store_id], KNOWN, 0.9)
        for name in ("value", "lower", "upper"):
            mine = getattr(together, name)[row]
            assert mine.tobytes() == getattr(alone, name)[0][first : first + len(days)].tobytes()


def test_days_past_the_calendar_use_the_usual_opening_and_say_so() -> None:
    days = np.arange("2015-08-01", "2015-08-15", dtype="datetime64[D]")
    forecast = fleet().predict(["1"], days)
    assert forecast.assumed.all()
    assert forecast.closed[0].tolist() == [(int(day) + 3) % 7 == 6 for day in days.astype(int)]
    assert not fleet().predict(["1"], KNOWN).assumed.any()


def test_days_of_a_kind_on_which_a_store_does_not_open_are_closed_where_nobody_said(tmp_path: Path) -> None:
    made = fleets.contents(2)
    labels = made.calendar.column("state_holiday").labels
    closed = {"state_holiday": np.array([[label == "a" for label in labels], [False] * len(labels)])}
    calendar = replace(made.calendar, usually_closed=closed, open_told=False)
    replace(made, calendar=calendar).write(tmp_path / "fleet")
    opened = Fleet.open(tmp_path / "fleet")
    days = np.arange("2015-08-03", "2015-08-06", dtype="datetime64[D]")
    holiday: Overrides = {"state_holiday": {days[1]: "a"}, "promo": dict.fromkeys(days, 0)}
    forecast = opened.predict(["1", "2"], days, overrides=holiday)
    assert forecast.closed.tolist() == [[False, True, False], [False] * 3]
    assert (forecast.value == 0).tolist() == forecast.closed.tolist()
    told: Overrides = {**holiday, "open": {days[1]: 1}}
    assert not opened.predict(["1"], days, overrides=told).closed.any()


def test_a_wider_level_gives_a_wider_interval() -> None:
    narrow, wide = fleet().predict(["1"], KNOWN, 0.5), fleet().predict(["1"], KNOWN, 0.95)
    assert (wide.upper - wide.lower >= narrow.upper - narrow.lower).all()
    assert (wide.value == narrow.value).all()


@pytest.mark.parametrize("level", [0, 0.4, 1, 2, float("nan")])
def test_a_level_that_cannot_be_answered_is_refused(level: float) -> None:
    with pytest.raises(LevelError, match=r"0\.5 to 0\.99"):
        fleet().predict(["1"], KNOWN, level)


def test_an_override_changes_its_day_and_leaves_the_calendar_alone() -> None:
    before = fleet().predict(["1"], KNOWN)
    promo = int(
        not fleet()
        .calendar.window(np.array([0]), int(MONDAY.astype(int)), int(MONDAY.astype(int)))
        .columns["promo"][0, 0]
    )
    asked = fleet().predict(["1"], KNOWN, overrides={"promo": {MONDAY: promo}})
    changed = np.flatnonzero(asked.value[0] != before.value[0])
    assert KNOWN[changed].tolist() == [MONDAY.astype(object)]
    closed = fleet().predict(["1"], KNOWN, overrides={"open": {MONDAY: 0}})
    assert closed.value[0, 2] == 0
    # The day before a closure is a feature of its own, so Saturday (Sunday is closed anyway) stays and Tuesday changes
    # only through "after a long closure": this one is short.
    assert (closed.value[0, 3:] == before.value[0, 3:]).all()
    np.testing.assert_array_equal(fleet().predict(["1"], KNOWN).value, before.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"price": {MONDAY: 1}}, "unknown calendar column 'price'.*open, promo"),
        ({"promo": {MONDAY: 2}}, r"'promo': wanted 0 or 1 \(or false, true\), got '2'"),
        ({"promo": {MONDAY: "maybe"}}, r"'promo': wanted 0 or 1 \(or false, true\), got 'maybe'"),
        ({"promo": {MONDAY: float("nan")}}, "'promo': wanted 0 or 1"),
        ({"state_holiday": {MONDAY: "z"}}, "'state_holiday': wanted one of 0, a, b, c, got 'z'"),
        ({"temperature": {MONDAY: float("inf")}}, "wanted a finite number"),
        ({"temperature": {MONDAY: 1e39}}, "wanted a finite number of at most 3.4e"),
        ({"temperature": {MONDAY: "warm"}}, "wanted a finite number"),
    ],
)
def test_an_override_that_does_not_fit_is_named(
    overrides: dict[str, dict[np.datetime64, object]], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        fleet().predict(["1"], KNOWN, overrides=overrides)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "code", "spellings"),
    [
        (
            "promo",
            1,
            (1, 1.0, True, np.True_, np.float32(1), "1", "1.0", "true", "True", "TRUE", "t", "yes", "Y", "on"),
        ),
        ("promo", 0, (0, 0.0, -0.0, False, np.False_, np.int8(0), "0", "0.0", "false", "FALSE", "f", "no", "N", "off")),
        ("state_holiday", 0, (0, 0.0, False, "0", "0.0", "false", " 0 ")),
        ("state_holiday", 1, ("a", " a")),
        ("temperature", 12.5, (12.5, np.float64(12.5), "12.5", "+12.50", "1.25e1")),
    ],
)
def test_every_spelling_of_a_value_is_one_override(column: str, code: float, spellings: tuple[object, ...]) -> None:
    known = fleet().calendar.column(column)

    assert [known.encode(value) for value in spellings] == [code] * len(spellings)  # type: ignore[arg-type]


@given(st.lists(st.text(max_size=4), min_size=1, unique=True))
def test_each_label_of_a_kind_is_its_own_value_even_beside_another_that_reads_alike(labels: list[str]) -> None:
    column = Column("event", "kind", tuple(labels))

    assert [column.encode(label) for label in labels] == list(range(len(labels)))


def test_asking_for_no_days_is_refused() -> None:
    with pytest.raises(FeatureError, match="one or more days"):
        fleet().predict(["1"], [])


def test_columns_of_days_that_are_asked_years_apart_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, of = [], Tables.of

    def spy(self: Tables, window: Window, regressors: tuple[Regressor, ...]) -> FloatArray:
        asked.append(len(window.days))
        return of(self, window, regressors)

    monkeypatch.setattr(Tables, "of", spy)
    some = Fleet.from_contents(fleets.contents(3))
    some.predict(["1"], KNOWN[[0, 9]])
    assert asked
    asked.clear()
    some.predict(["1"], np.array([KNOWN[0], KNOWN[0] + 9000]))
    assert not asked
