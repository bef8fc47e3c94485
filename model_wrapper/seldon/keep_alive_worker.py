"""Gunicorn's worker with threads, which keeps connections open; at SIGTERM it does not wait for idle ones."""

import gc
import socket
from types import FrameType

from gunicorn.workers.gthread import ThreadWorker

CLASS_PATH = f"{__name__}.KeepAliveWorker"


class KeepAliveWorker(ThreadWorker):  # type: ignore[misc] # published without types
    """Gunicorn's own would sit out its whole grace, 30 seconds, for one connection that nobody uses."""

    def load_wsgi(self) -> None:
        """Load; what is there by then stays, so that Python need not look through it for garbage again and again."""
        super().load_wsgi()
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End: what is asked is answered, what is idle is closed."""
        if self.alive:
            super().handle_exit(sig, frame)
            self.method_queue.defer(self._close_idle)

    def _close_idle(self) -> None:
        # The oldest come first and are closed up to one that has time left: one with a request waits for its turn.
        idle = [conn for conn in self.keepalived_conns if _is_idle(conn.sock)]
        for conn in idle:
            conn.timeout = 0.0
            self.keepalived_conns.remove(conn)
        self.keepalived_conns.extendleft(idle)
        self.murder_keepalived()


def _is_idle(connection: socket.socket) -> bool:
    """No request is on its way in: closing would reset it."""
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:  # nothing there, or no connection any more
        return True
