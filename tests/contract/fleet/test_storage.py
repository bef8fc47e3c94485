"""A fleet is on disk whole or not at all, whatever happens to who writes it."""

import subprocess
import sys
from pathlib import Path

from support.processes import ROOT


def test_a_killed_writer_leaves_no_half_fleet(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
import fleet.storage as storage
from support import fleets
wrote = storage._write_array
def killed(directory, name, values):
    if name == "calendar_promo":
        os.kill(os.getpid(), signal.SIGKILL)
    return wrote(directory, name, values)
storage._write_array = killed
fleets.small_fleet(Path(sys.argv[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "fleet")],
        check=False,
        timeout=240,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    assert done.returncode == -9
    assert not (tmp_path / "fleet").exists()
