"""Stores of which only a level is known: the shape is the group's, the level the one that was named."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from support.fleets import contents

from fleet import Fleet, Forecast, newcomers
from fleet.arrays import FloatArray
from fleet.contents import FACTS
from fleet.errors import FeatureError

WEEK = np.arange("2015-06-15", "2015-06-22", dtype="datetime64[D]")  # Monday to Sunday, Sundays closed


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Eight stores in two groups; the last store of group b has never sold anything."""
    made = contents(8, without_model=[7])
    facts, sales = np.zeros(8, FACTS), made.recent_sales.copy()
    facts["group"] = [b"a/x"] * 4 + [b"b/y"] * 4
    facts["n_days"] = [900] * 7 + [0]
    sales[7] = np.nan
    return Fleet.from_contents(replace(made, facts=facts, recent_sales=sales))


def test_the_level_is_the_one_that_was_named(fleet: Fleet) -> None:
    forecast = fleet.newcomers(["new", "other"], WEEK, sales=[5000.0, 10.0])
    ratio = forecast.value[0, :6] / forecast.value[1, :6]

    assert np.allclose(ratio, 500.0)
    assert 3000 < forecast.value[0, :6].mean() < 8000


def test_the_shape_is_the_groups_and_the_chains_where_none_is_named(fleet: Fleet) -> None:
    of_a, of_b, of_chain = (
        fleet.newcomers(["new"], WEEK, sales=[1.0], groups=[group]).value[0, :6] for group in ("a/x", "b/y", "")
    )
    levels = np.nanmean(fleet.recent_sales[:4], axis=1)
    # Monday without promo of the first four stores, each at its own level.
    monday = np.mean(contents(8).fallback[:4, 0, 0].astype(np.float32) / levels)

    assert of_a[0] == pytest.approx(monday, rel=1e-4)
    assert len({tuple(each) for each in (of_a, of_b, of_chain)}) == 3


def test_the_shapes_are_worked_out_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = replace(fleet.shapes)
    means = Mock(wraps=newcomers._means)
    monkeypatch.setattr(newcomers, "_means", means)

    first = [shapes.shape(group).tolist() for group in ("a/x", "", "no such group")]
    again = [shapes.shape(group).tolist() for group in ("a/x", "", "no such group")]

    assert first == again
    assert first[1] == first[2] != first[0]
    assert means.call_count == 1


def test_a_store_that_nobody_knows_is_closed_when_most_are_and_all_of_it_is_assumed(fleet: Fleet) -> None:
    forecast = fleet.newcomers(["new"], WEEK, sales=[5000.0])

    assert forecast.closed[0].tolist() == [False] * 6 + [True]
    assert forecast.value[0, 6] == forecast.upper[0, 6] == 0.0
    assert forecast.assumed.all()


def test_a_known_store_without_history_keeps_its_own_calendar(fleet: Fleet) -> None:
    known = fleet.newcomers(["8"], WEEK, sales=[5000.0])

    assert known.closed.tolist() == fleet.fallback(["8"], WEEK).closed.tolist()
    assert not known.assumed.any()


def test_intervals_are_wide(fleet: Fleet) -> None:
    forecast = fleet.newcomers(["new"], WEEK, sales=[5000.0], level=0.8)
    at_half = fleet.newcomers(["new"], WEEK, sales=[5000.0], level=0.5)

    assert (forecast.upper[0, :6] / forecast.lower[0, :6] > np.exp(2 * 0.5 * 1.28)).all()
    assert (at_half.upper <= forecast.upper).all()


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_no_store_of_the_index_has_a_wider_interval_than_one_that_nobody_knows(fleet: Fleet, level: float) -> None:
    days = fleet.trained_through + np.arange(1, 60)
    everybody = fleet.fallback(fleet.store_ids, days, level)
    new = fleet.newcomers(["new"], days, level, sales=[5000.0])
    opened = ~everybody.closed & ~new.closed

    def share(forecast: Forecast) -> FloatArray:
        return np.where(opened, np.log1p(forecast.upper) - np.log1p(forecast.value), 0.0)

    assert (share(new) >= share(everybody) - 1e-9).all()


def test_an_odd_store_of_the_index_makes_no_newcomers_interval_absurd() -> None:
    made = contents(8)
    noise = made.fallback_sigma.copy()
    noise[3] = 9.0
    odd = Fleet.from_contents(replace(made, fallback_sigma=noise)).newcomers(["new"], WEEK, sales=[5000.0])
    assert (odd.upper[0, :6] < 5.01 * odd.value[0, :6]).all()


def test_overrides_change_a_newcomer_too(fleet: Fleet) -> None:
    closed = fleet.newcomers(["new"], WEEK, sales=[5000.0], overrides={"open": {WEEK[0]: 0}})

    assert closed.value[0, 0] == 0.0
    with pytest.raises(FeatureError):
        fleet.newcomers(["new"], WEEK, sales=[5000.0], overrides={"opne": {WEEK[0]: 0}})


def test_who_has_sold_has_history(fleet: Fleet) -> None:
    assert fleet.shapes.has_history.tolist() == [True] * 7 + [False]
    assert fleet.shapes.names == {"a/x", "b/y"}
