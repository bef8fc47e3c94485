"""A worker that begins: gunicorn must be able to end it, one that replaces another must be quick, and none hoards."""

import ctypes
import signal
import sys
import time
from threading import Event, Thread, main_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

REPLACES = Event()
"""Set in a worker that takes the place of one that died: requests wait for it."""

_LOOK_EVERY_S = 0.2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as in glibc's malloc.h
_KEPT_BYTES = 65_536
_MAPPED_FROM_BYTES = 131_072


def tune_malloc() -> None:
    """Let this process and those forked from it return what a large answer took to the system.

    glibc keeps it by default, more the larger the answers were: some 15 MB a worker after a whole chain's six weeks.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)


def watch(arbiter: "Arbiter", worker: "Worker") -> None:
    """Look after a worker until it serves; gunicorn's `post_fork`.

    A SIGTERM only sets a flag, which a worker that still fetches its fleet would look at when it is too late.
    """
    if worker.age > arbiter.num_workers:
        REPLACES.set()
    Thread(target=_watch, args=(worker,), daemon=True).start()


def _watch(worker: "Worker") -> None:
    while worker.alive and not worker.booted:
        time.sleep(_LOOK_EVERY_S)
    main = main_thread().ident
    if not worker.booted and main is not None:
        # Its handler raises SystemExit wherever the main thread is, so that a fetching process is ended, too.
        signal.pthread_kill(main, signal.SIGQUIT)
