"""Runs one command, and ends all of its processes when this process or its parent ends. Run as a file, not imported.

`python guardian.py PARENT_PID GRACE_S COMMAND...`: starts the command in a process group of its own. On SIGTERM, or
when the parent dies, the group gets SIGTERM, and SIGKILL after the grace period. When the command ends, the rest of its
group is killed. When this process is killed, the command gets SIGTERM from the kernel (on Linux). The exit
code is the command's; 128 + n for one that ended by signal n.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
# How often the parent is checked, where the kernel does not signal its death.
_PARENT_CHECK_S = 1.0
_SIGNAL_BASE = 128
_NOT_STARTED = 127


def main(arguments: Sequence[str]) -> int:
    """The exit code of the command."""
    parent, grace_s, command = int(arguments[0]), float(arguments[1]), list(arguments[2:])
    wake = _wake_on(signal.SIGTERM, signal.SIGCHLD)
    _die_with_parent()
    try:
        # No other thread runs here, so preexec_fn cannot deadlock.
        child = subprocess.Popen(command, process_group=0, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509
    except OSError as error:
        sys.stderr.write(f"wanted to run {command[0]}, got {error.strerror}; check the command\n")
        return _NOT_STARTED
    try:
        code = _watch(child, wake, parent, grace_s)
    finally:
        _signal_group(child.pid, signal.SIGKILL)
    return code if code >= 0 else _SIGNAL_BASE - code


def _watch(child: subprocess.Popen[bytes], wake: socket.socket, parent: int, grace_s: float) -> int:
    kill_at: float | None = None
    while (code := child.poll()) is None:
        # The pid of a new parent: ours died before we asked for its signal.
        must_stop = signal.SIGTERM in _signals(wake) or os.getppid() != parent
        if must_stop and kill_at is None:
            _signal_group(child.pid, signal.SIGTERM)
            kill_at = time.monotonic() + grace_s
        if kill_at is not None and time.monotonic() >= kill_at:
            _signal_group(child.pid, signal.SIGKILL)
    return code


def _wake_on(*signals: int) -> socket.socket:
    """A socket that becomes readable on these signals, with their numbers as bytes; no signal is lost between looks."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, _noted)
    return reader


def _noted(_number: int, _frame: object) -> None:
    """The number is in the socket already."""


def _signals(wake: socket.socket) -> bytes:
    if not select.select([wake], [], [], _PARENT_CHECK_S)[0]:
        return b""
    return wake.recv(64)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
