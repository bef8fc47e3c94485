"""The synthetic chain has the habits that real ones have."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.training import chains

from training.synth import AHEAD_DAYS, GAP_DAYS, make_chain, write_chain


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("chain")
    write_chain(folder, 200, 900, first=chains.FIRST, seed=1)
    return pd.read_csv(folder / "train.csv", dtype={"StateHoliday": str}, parse_dates=["Date"])


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (chains.files(tmp_path / name) for name in ("a", "b"))
    other = chains.files(tmp_path / "c", seed=4)
    for name in ("train", "store", "calendar"):
        assert first[name].read_bytes() == second[name].read_bytes()
    assert first["train"].read_bytes() != other["train"].read_bytes()


def test_few_stores_open_on_sundays_and_closed_days_sell_nothing(table: pd.DataFrame) -> None:
    sundays = table[table.DayOfWeek == 7].groupby("Store").Open.mean()
    assert 0 < (sundays > 0.5).mean() < 0.1
    assert (table[table.Open == 0].Sales == 0).all()


def test_a_promotion_lifts_a_monday_more_than_a_friday(table: pd.DataFrame) -> None:
    sold = table[table.Sales > 0]
    mean = sold.groupby(["DayOfWeek", "Promo"]).Sales.mean().unstack()
    lift = mean[1] / mean[0] - 1
    assert lift[1] == pytest.approx(0.57, abs=0.08)
    assert lift[5] == pytest.approx(0.22, abs=0.08)


def test_the_weeks_before_christmas_sell_more(table: pd.DataFrame) -> None:
    sold = table[(table.Sales > 0) & (table.Date.dt.year == 2013)]
    december = sold[(sold.Date >= "2013-12-16") & (sold.Date <= "2013-12-23")].Sales.mean()
    assert december > 1.15 * sold[sold.Date.dt.month == 10].Sales.mean()


def test_some_stores_have_a_gap_of_half_a_year_and_some_close_for_weeks(table: pd.DataFrame) -> None:
    days = table.groupby("Store").size()
    assert 0.08 < (days == 900 - GAP_DAYS).mean() < 0.25
    closed_run = (
        table.sort_values(["Store", "Date"])
        .groupby("Store")
        .Open.apply(lambda opening: int((1 - opening).groupby(opening.cumsum()).sum().max()))
    )
    assert 0.02 < (closed_run >= 7).mean() < 0.2


def test_special_stores_are_short_young_constant_new_and_late(table: pd.DataFrame) -> None:
    days = table.groupby("Store").size()
    assert days[200 - 3 + 1] == 20
    assert days[200 - 4 + 1] == 150
    assert 200 - 5 + 1 not in days.index
    constant = table[(table.Store == 199) & (table.Open == 1)].Sales
    assert constant.nunique() == 1
    assert table[table.Store == 1].Date.min() == pd.Timestamp("2013-01-02")


def test_holidays_close_and_carry_their_kind(table: pd.DataFrame) -> None:
    christmas = table[table.Date == "2013-12-25"]
    assert (christmas.StateHoliday == "c").all()
    assert christmas.Open.mean() < 0.2
    assert set(table.StateHoliday) == {"0", "a", "b", "c"}
    assert (table[table.Date == "2014-04-18"].StateHoliday == "b").all()  # Good Friday


def test_the_calendar_goes_on_where_the_history_ends(tmp_path: Path) -> None:
    paths = chains.files(tmp_path)
    ahead = pd.read_csv(paths["calendar"])
    assert "Sales" not in ahead
    assert ahead.Date.nunique() == AHEAD_DAYS
    assert ahead.Date.min() == str(chains.FIRST + dt.timedelta(days=500))


def test_a_small_or_short_chain_is_possible() -> None:
    chain = make_chain(1, 3, first=chains.FIRST, seed=1)
    assert chain.sales.shape == (1, 3 + AHEAD_DAYS)
    assert np.isfinite(chain.sales).all()
