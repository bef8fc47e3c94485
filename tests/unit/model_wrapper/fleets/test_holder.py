"""A component's fleet: whether it has one, and what its health says then."""

from pathlib import Path

import pytest
from support.fleets import small_fleet

from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.holder import FleetHolder
from model_wrapper.metrics.counters import Counters
from model_wrapper.settings import Settings


def holder(path: Path, *, required: bool = True) -> FleetHolder:
    return FleetHolder(Settings(fleet_uri=str(path)), Counters(), required=required)


def test_the_health_says_which_fleet_is_served(tmp_path: Path) -> None:
    held = holder(small_fleet(tmp_path / "fleet", 3))
    held.load()
    fleet = held.health()["fleet"]

    assert (fleet["version"], fleet["stores"], fleet["firstStore"]) == (held.served.version, 3, "1")
    assert (fleet["trainedThrough"], fleet["fromCache"]) == ("2015-06-19", False)


def test_a_fleet_that_is_required_and_missing_fails_the_start_and_the_health(tmp_path: Path) -> None:
    held = holder(tmp_path / "none")

    with pytest.raises(FleetUnavailableError, match="STORECAST_FLEET_URI"):
        held.load()
    with pytest.raises(FleetUnavailableError):
        held.health()


def test_without_a_fleet_that_is_not_required_the_health_is_ready(tmp_path: Path) -> None:
    held = holder(tmp_path / "none", required=False)
    held.load()

    assert held.health() == {"status": "ready", "fleet": None}
    with pytest.raises(FleetUnavailableError):
        _ = held.served
