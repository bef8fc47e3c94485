"""A pseudo-terminal, and what was written to it."""

import os
import pty
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

COLUMNS = 120


class Terminal:
    """`end`: the descriptor that a process takes for its terminal."""

    def __init__(self) -> None:
        self._ours, self.end = pty.openpty()
        termios.tcsetwinsize(self.end, (40, COLUMNS))
        self._seen = bytearray()
        # A terminal that nobody reads is full after a few KB, and holds its writer.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._seen += os.read(self._ours, 4096)
            except OSError:  # the last writer has gone
                return

    def close(self) -> None:
        """Our part of the writers' end is closed; read what is left."""
        os.close(self.end)
        self._reader.join(20)
        os.close(self._ours)

    def frames(self) -> list[str]:
        """All that was shown, each state of a line by itself; once it is closed."""
        text = self._seen.decode().replace("\r\n", "\r")
        return [frame.rstrip() for frame in text.split("\r") if frame.strip()]


@contextmanager
def terminal() -> Iterator[Terminal]:
    """A terminal that is closed at the end."""
    opened = Terminal()
    try:
        yield opened
    finally:
        opened.close()
