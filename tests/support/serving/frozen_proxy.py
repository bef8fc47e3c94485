"""A TCP proxy on loopback that can stop passing bytes on: a network, or a server, that hangs without a word."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class FreezingProxy:
    """Passes bytes to a port and back, until it is frozen."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._passing = threading.Event()
        self._passing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Keep every connection, and every byte."""
        self._passing.clear()

    def close(self) -> None:
        """End it all."""
        self._passing.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def freezing_proxy(target_port: int) -> Iterator[FreezingProxy]:
    """Run one until the block ends."""
    proxy = FreezingProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
