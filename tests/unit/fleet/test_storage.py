"""The fleet's directory: what is refused, what is read when, what a killed writer leaves."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import fleets

from fleet import Fleet, FleetFormatError, StorecastError, UnknownStoreError
from fleet.contents import FleetContents
from fleet.storage import MANIFEST, write_directory

DAYS = np.arange("2015-06-20", "2015-08-01", dtype="datetime64[D]")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return fleets.small_fleet(tmp_path / "fleet", 4, without_model=[2])


def test_a_written_fleet_forecasts_as_the_one_in_memory(path: Path) -> None:
    memory = Fleet.from_contents(fleets.contents(4, without_model=[2])).predict(["1", "4"], DAYS)
    disk = Fleet.open(path, verify=True).predict(["1", "4"], DAYS)
    np.testing.assert_array_equal(disk.value, memory.value)
    np.testing.assert_array_equal(disk.upper, memory.upper)


def test_the_same_fleet_written_twice_has_the_same_bytes(path: Path, tmp_path: Path) -> None:
    other = fleets.small_fleet(tmp_path / "other", 4, without_model=[2])
    first, second = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in (path, other))
    assert first == second
    assert Fleet.open(path).version == Fleet.open(other).version


def test_an_array_is_memory_mapped_and_read_only_when_asked_for(path: Path) -> None:
    (path / "fallback.npy").write_bytes(bytes((path / "fallback.npy").stat().st_size))
    fleet = Fleet.open(path)
    assert fleet.predict(["1"], DAYS).value.shape == (1, 42)
    assert isinstance(fleet._arrays["beta"].base, np.memmap)
    assert not fleet._arrays["beta"].flags.writeable
    with pytest.raises(FleetFormatError, match=r"fallback\.npy does not have the checksum"):
        fleet.fallback(["1"], DAYS)
    with pytest.raises(FleetFormatError, match=r"fallback\.npy"):
        Fleet.open(path, verify=True)


def test_a_row_view_is_one_stores_part_of_every_array_and_reads_only_what_is_asked_for(path: Path) -> None:
    (path / "fallback.npy").write_bytes(bytes((path / "fallback.npy").stat().st_size))
    fleet = Fleet.open(path)
    row = fleet.row_view("3")
    beta = fleet.parameters.beta
    np.testing.assert_array_equal(row["beta"], beta[[fleet.store_ids.index("3")]])
    assert np.shares_memory(row["beta"], beta)
    assert row["store_ids"].tolist() == [b"3"]
    assert set(row) == {file.stem for file in path.glob("*.npy")}
    assert row.meta["n_stores"] == 4
    with pytest.raises(UnknownStoreError, match="unknown store '9'"):
        fleet.row_view("9")


def test_a_torn_directory_names_the_file(path: Path) -> None:
    with (path / "beta.npy").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(FleetFormatError, match=r"bytes in .*beta\.npy, it has 100"):
        Fleet.open(path)
    (path / "beta.npy").unlink()
    with pytest.raises(FleetFormatError, match=r"beta\.npy, the file is missing"):
        Fleet.open(path)


def test_a_directory_without_or_with_a_torn_manifest_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FleetFormatError, match="found none"):
        Fleet.open(tmp_path)
    (path / MANIFEST).write_text((path / MANIFEST).read_text()[:200])
    with pytest.raises(FleetFormatError, match="not readable JSON"):
        Fleet.open(path)
    (path / MANIFEST).write_text('{"format": "other"}')
    with pytest.raises(FleetFormatError, match="is not a manifest of storecast-fleet"):
        Fleet.open(path)


def test_a_newer_format_is_refused_with_both_versions(path: Path) -> None:
    body = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**body, "format_version": 99}))
    with pytest.raises(FleetFormatError, match="format version 99, this release reads 1"):
        Fleet.open(path)


def test_a_changed_manifest_is_refused(path: Path) -> None:
    body = json.loads((path / MANIFEST).read_text())
    body["meta"]["trained_through"] += 1
    (path / MANIFEST).write_text(json.dumps(body))
    with pytest.raises(FleetFormatError, match="changed after it was written"):
        Fleet.open(path)


def test_a_fleet_is_never_overwritten(path: Path) -> None:
    with pytest.raises(FleetFormatError, match="exists already"):
        write_directory(path, {}, {})


def test_a_failing_writer_removes_what_it_began(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_directory(tmp_path / "fleet", {"a": np.zeros(3)}, {"no json": object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ids", [("1", "1"), ("", "2"), ("a\nb", "2"), ("x" * 300, "2")])
def test_ids_that_cannot_be_kept_are_refused(tmp_path: Path, ids: tuple[str, str]) -> None:
    two = FleetContents(**{**vars(fleets.contents(2)), "store_ids": ids})
    with pytest.raises(StorecastError, match="distinct printable store ids"):
        two.write(tmp_path / "fleet")


def test_every_id_is_found_and_no_other() -> None:
    ids = ("7", "70", "Zürich-1", "a/b", "店")
    named = FleetContents(**{**vars(fleets.contents(5)), "store_ids": ids})
    fleet = Fleet.from_contents(named)
    assert [fleet.position(store_id) for store_id in ids] == [0, 1, 2, 3, 4]
    assert fleet.store_ids == ids
    unknown = ["", "0", "7\0", "77", "A/b", "zz" * 200]
    assert [fleet.position(store_id) for store_id in unknown] == [None] * 6
    with pytest.raises(UnknownStoreError, match="'77'"):
        fleet.predict(["7", "77"], DAYS)


def test_a_store_without_a_model_is_left_to_the_fallback(path: Path) -> None:
    fleet = Fleet.open(path)
    with pytest.raises(UnknownStoreError, match="no model for 3"):
        fleet.predict(["3"], DAYS)
    assert (fleet.fallback(["3"], DAYS).value > 0).any()
    assert (fleet.n_stores, fleet.n_models, fleet.engine) == (4, 3, "random")


def test_a_fleet_of_a_chain_stays_small(tmp_path: Path) -> None:
    path = fleets.small_fleet(tmp_path / "chain", 1115)
    sizes = {file.name: file.stat().st_size for file in path.iterdir()}
    assert sum(size for name, size in sizes.items() if not name.startswith("calendar_")) < 3_000_000
