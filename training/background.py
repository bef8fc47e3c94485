"""Work beside the main thread that must not hold up the end of a run."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

R = TypeVar("R")

PATIENCE_S = 5.0
"""How long an end waits for what is under way: long enough for an import, not for a server that does not answer."""


@contextmanager
def in_background(work: Callable[[], R]) -> Iterator[Future[R]]:
    """Do some work in a thread while the block runs, and on: its future.

    Where the block ends before the work, as at bad data or Ctrl-C, the work gets `PATIENCE_S` and is then left behind.
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)

    # A thread of an executor would be waited for without end.
    Thread(target=run, daemon=True).start()
    try:
        yield future
    finally:
        wait([future], PATIENCE_S)
