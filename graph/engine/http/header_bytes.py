"""Header bytes that are not UTF-8 go out as they came in.

aiohttp reads them with Python's `surrogateescape`, and then leaves them out, or fails, when it writes headers. It has
no setting for that, so its writer's last step is replaced here, once, for both directions.
"""

import re

from aiohttp import http_writer
from multidict import CIMultiDict

# But for the ends of lines, which are counted.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def serialized(status_line: str, headers: CIMultiDict[str]) -> bytes:
    """First line and headers as they go on the wire.

    Raises: ValueError: one of them has a control character in it, which could begin another header.
    """
    lines = [status_line, *(f"{name}: {value}" for name, value in headers.items())]
    text = "\r\n".join(lines) + "\r\n\r\n"
    ends = len(lines) + 1
    if text.count("\n") != ends or text.count("\r") != ends or _FORBIDDEN.search(text):
        raise ValueError("net/http: invalid header field value")
    return text.encode("utf-8", "surrogateescape")


def install() -> None:
    """Let aiohttp write headers so."""
    http_writer._serialize_headers = serialized  # noqa: SLF001 - see above
