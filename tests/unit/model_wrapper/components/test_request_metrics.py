"""What the metrics page says of the fleet."""

from datetime import date
from pathlib import Path

import pytest
from support.fleets import small_fleet

from fleet import Fleet
from model_wrapper.components.request_metrics import fleet_gauges
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.metrics.counters import FLEET_VERSION


@pytest.mark.parametrize(("version", "told"), [("7", 7), ("123456789012", 0), ("12345678901a", 0)])
def test_a_folder_has_no_version_number_whatever_its_digest(tmp_path: Path, version: str, told: int) -> None:
    opened = Fleet.open(small_fleet(tmp_path / "fleet", 1))
    digest = "123456789012" if version == "7" else version
    served = ServedFleet(Fleet(opened._arrays, opened._meta, digest), version, 90)
    lines = fleet_gauges(served, date(2015, 6, 20))

    assert [line["value"] for line in lines if line["key"] == FLEET_VERSION] == [told]
