"""A request to the small component `Raw` that is answered when a test says so."""

import signal
import socket
import threading
import time
from pathlib import Path

from support.processes import Reply, RunningComponent

WAIT_S = 120.0


class LateRequest:
    """It is in flight when this is made, until it is released."""

    def __init__(self, running: RunningComponent, folder: Path) -> None:
        self._running, self.replies = running, list[Reply]()
        self._begun, self._go = folder / "begun", folder / "go"
        message = {"jsonData": {"late": {"begun": str(self._begun), "go": str(self._go)}}}
        self._thread = threading.Thread(target=lambda: self.replies.append(running.predict(message)))
        self._thread.start()
        deadline = time.monotonic() + WAIT_S
        while not self._begun.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the request has not begun")
            time.sleep(0.02)

    def terminate(self) -> None:
        """Send SIGTERM, and wait until the worker has begun to end: it then closes an idle connection."""
        with socket.create_connection(("127.0.0.1", self._running.port), timeout=WAIT_S) as idle:
            idle.sendall(b"GET /health/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.recv(65536)
            self._running.process.send_signal(signal.SIGTERM)
            while idle.recv(65536):
                pass

    def release(self) -> None:
        """Let the component answer, and wait for what it answers."""
        self._go.touch()
        self._thread.join(WAIT_S)
