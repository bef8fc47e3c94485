"""Machine code that is kept from an earlier run: found where Numba keeps it, and not where its source has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import ROOT

from training.engines import machine_code
from training.engines.machine_code import INDEX, SOURCE, is_kept


def told(script: str, **environ: str) -> list[str]:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


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


def test_numba_keeps_the_index_under_that_name_in_that_folder(tmp_path: Path) -> None:
    script = (
        "from training.engines.solver import solve_group as f; "
        "print(f.stats.cache_path); print(f._cache._cache_file._index_name)"
    )
    folder, name = map(Path, told(script, NUMBA_CACHE_DIR=str(tmp_path)))

    assert folder.is_relative_to(tmp_path)
    assert name.match(INDEX)


def test_it_is_told_without_loading_the_compiler() -> None:
    script = "from training.engines.machine_code import is_kept; is_kept({}); import sys; print('numba' in sys.modules)"

    assert told(script) == ["False"]
