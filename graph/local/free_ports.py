"""Free ports, for servers that other processes start a moment later."""

import random
import socket
from contextlib import ExitStack
from pathlib import Path

from graph.engine.config import LOOPBACK

_KERNELS_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# If the kernel does not say: the ranges of Linux and of IANA, which other systems use.
_USUAL_RANGE = (32768, 65535)
# Lower ports belong to well-known services, and to a graph with the ports of a cluster.
_LOWEST, _HIGHEST = 10240, 65535


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback interface that are free now, in no order.

    None is in the range from which the kernel takes ports for `bind` to port 0 and for outgoing connections, unless
    that leaves too few: a port of that range may belong to any other process by the time that its server starts.
    """
    low, high = _kernels_range()
    candidates = [*range(_LOWEST, low), *range(max(high + 1, _LOWEST), _HIGHEST + 1)]
    random.shuffle(candidates)
    with ExitStack() as sockets:
        numbers: list[int] = []
        while candidates and len(numbers) < count:
            try:
                sockets.enter_context(socket.create_server((LOOPBACK, candidates[-1])))
                numbers.append(candidates[-1])
            except OSError:
                pass
            candidates.pop()
        while len(numbers) < count:
            numbers.append(sockets.enter_context(socket.create_server((LOOPBACK, 0))).getsockname()[1])
    return numbers


def _kernels_range() -> tuple[int, int]:
    try:
        low, high = _KERNELS_RANGE.read_text().split()
        return int(low), int(high)
    except (OSError, ValueError):
        return _USUAL_RANGE
