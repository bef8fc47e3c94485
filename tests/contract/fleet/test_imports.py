"""What a process pays that only reads a fleet."""

import subprocess
import sys


def test_a_fleet_is_read_without_pydantic() -> None:
    code = "import sys, fleet, fleet.prophet.store_model; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
