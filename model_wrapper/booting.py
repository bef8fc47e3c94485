"""A worker that still opens its fleet: gunicorn must be able to end it, and one that replaces another must be quick."""

from __future__ import annotations

import signal
import time
from threading import Event, Thread, main_thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

REPLACES: Final = Event()
"""Set in a worker that takes the place of one that died: requests wait for it."""

_LOOK_EVERY_S: Final = 0.2


def watch(arbiter: Arbiter, worker: Worker) -> None:
    """Look after a worker until it serves; gunicorn's ``post_fork``.

    A SIGTERM only sets a flag, which a worker that still fetches its fleet would look at when it is too late.
    """
    if worker.age > arbiter.num_workers:
        REPLACES.set()
    Thread(target=_watch, args=(worker,), daemon=True).start()


def _watch(worker: Worker) -> None:
    while worker.alive and not worker.booted:
        time.sleep(_LOOK_EVERY_S)
    main = main_thread().ident
    if not worker.booted and main is not None:
        # Its handler raises SystemExit wherever the main thread is, so that a fetching process is ended, too.
        signal.pthread_kill(main, signal.SIGQUIT)
