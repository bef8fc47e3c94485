"""A forecast's picture: how many stores it shows, and that every one of them stands in a file of pages."""

from pathlib import Path

import pandas as pd
import pytest
from support import fleets

from fleet import Fleet
from storecast.plot import plot


def rows(n_stores: int) -> pd.DataFrame:
    days = [str(day.date()) for day in pd.date_range("2015-06-20", periods=3)]
    told = {"value": 2.0, "lower": 1.0, "upper": 3.0, "source": "fleet", "note": ""}
    return pd.DataFrame([{"store_id": str(i + 1), "timestamp": day, **told} for i in range(n_stores) for day in days])


@pytest.mark.parametrize(("n_stores", "drawn"), [(1, 1), (3, 3), (4, 3), (9, 3)])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_says_how_many_stores_it_shows(tmp_path: Path, n_stores: int, drawn: int, suffix: str) -> None:
    path = tmp_path / f"forecast{suffix}"

    assert plot(rows(n_stores), Fleet.from_contents(fleets.contents(2)), path, 0.8, 3) == drawn
    assert path.stat().st_size > 0


@pytest.mark.parametrize(("n_stores", "n_pages"), [(1, 1), (3, 1), (4, 2), (9, 3)])
def test_a_file_of_pages_shows_every_store(tmp_path: Path, n_stores: int, n_pages: int) -> None:
    path = tmp_path / "forecast.pdf"

    assert plot(rows(n_stores), None, path, 0.8, 3) == n_stores
    assert f"/Count {n_pages} ".encode() in path.read_bytes()


@pytest.mark.parametrize("name", ["$x_1^{$", "50 % off $", "a_b^c", "\\frac{1}{2}"])
def test_any_store_can_be_drawn_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "forecast.png"

    assert plot(rows(1).assign(store_id=name), None, path, 0.8, 3) == 1
    assert path.stat().st_size > 0
