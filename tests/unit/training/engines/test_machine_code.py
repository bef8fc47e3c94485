"""Machine code that is kept from an earlier run: found where Numba keeps it, and not where its source has changed."""

import os
from pathlib import Path

import pytest

from training.engines import machine_code
from training.engines.machine_code import INDEX, SOURCE, is_kept


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_code_is_kept_where_its_index_stands_and_is_not_older_than_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    source = tmp_path / "room" / SOURCE.name
    source.parent.mkdir()
    source.write_bytes(SOURCE.read_bytes())
    monkeypatch.setattr(machine_code, "SOURCE", source)
    environ = {variable: str(tmp_path / "kept")}
    below = "room_1" if variable == "NUMBA_CACHE_DIR" else "numba/room_1"
    index = tmp_path / "kept" / below / INDEX.replace("*", "1.py311")

    assert not is_kept(environ)
    index.parent.mkdir(parents=True)
    index.touch()
    assert is_kept(environ)
    later = index.stat().st_mtime + 10
    os.utime(source, (later, later))
    assert not is_kept(environ)
