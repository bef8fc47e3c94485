"""Ports for servers that another process starts."""

from pathlib import Path

import pytest

from graph.local import free_ports as ports
from graph.local.free_ports import free_ports


@pytest.fixture
def kernels_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    told = tmp_path / "range"
    monkeypatch.setattr(ports, "_KERNELS_RANGE", told)
    return told


def test_ports_are_different_and_none_is_one_that_the_kernel_gives_to_connections(kernels_range: Path) -> None:
    kernels_range.write_text("10300\t65000\n")
    found = free_ports(200)
    assert len(set(found)) == 200
    assert all(10240 <= port < 10300 or 65000 < port <= 65535 for port in found)


def test_where_the_kernel_does_not_tell_its_range_the_usual_ones_are_avoided(kernels_range: Path) -> None:
    assert not kernels_range.exists()
    assert all(10240 <= port < 32768 for port in free_ports(500))


def test_where_the_kernels_range_leaves_too_few_the_others_are_of_it(kernels_range: Path) -> None:
    kernels_range.write_text("1024 65533\n")
    found = free_ports(5)
    assert len(set(found)) == 5
    assert len([port for port in found if port <= 65533]) >= 3
