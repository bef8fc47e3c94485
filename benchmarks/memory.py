"""Memory of a process and of all below it, as Linux counts it."""

import threading
from pathlib import Path
from typing import Self


class PeakMemory:
    """Samples the memory of a process and all that it started, each page counted once (PSS)."""

    def __init__(self, pid: int, interval_s: float = 0.5) -> None:
        self.peak_mb = 0.0
        self._pid = pid
        self._interval_s = interval_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(self._interval_s):
            self.peak_mb = max(self.peak_mb, sum(map(pss_mb, family(self._pid))))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        threads = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return [pid]
    return [pid, *(below for children in threads for child in children.split() for below in family(int(child)))]


def pss_mb(pid: int) -> float:
    """Proportional set size; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
