"""Where Numba itself keeps the machine code that an earlier run compiled."""

import os
import subprocess
import sys
from pathlib import Path

from support.processes import ROOT

from training.engines.machine_code import INDEX


def test_numba_keeps_the_index_under_that_name_in_that_folder(tmp_path: Path) -> None:
    script = (
        "from training.engines.solver import solve_group as f; "
        "print(f.stats.cache_path); print(f._cache._cache_file._index_name)"
    )
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    folder, name = map(Path, done.stdout.splitlines())

    assert folder.is_relative_to(tmp_path)
    assert name.match(INDEX)
