"""Failures of a node call in the words of Go's `net/http`, which clients of the executor see."""

import errno
import gzip
import os
import zlib

import aiohttp
from yarl import URL

AWAITING_HEADERS = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
READING_BODY = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
EARLY_END = "unexpected EOF"


def sending(error: Exception, url: URL) -> str:
    """Why no answer's headers came. Connection errors carry the address as Go prints it."""
    address = _address(url)
    match error:
        case aiohttp.ClientConnectorDNSError():
            text = f"dial tcp: lookup {url.raw_host}: no such host"
        case aiohttp.ClientConnectorError():
            text = f"dial tcp {address}: connect: {_reason(error.os_error)}"
        case TimeoutError():
            text = f"dial tcp {address}: i/o timeout"
        case aiohttp.ServerDisconnectedError():
            text = "EOF"
        case aiohttp.ClientOSError():
            text = f"read tcp {address}: read: {_reason(error)}"
        case aiohttp.ClientResponseError():
            text = f"net/http: HTTP/1.x transport connection broken: malformed HTTP response {error.message!r}"
        case _:
            text = str(error) or type(error).__name__
    return text


def _address(url: URL) -> str:
    host = "127.0.0.1" if url.raw_host == "localhost" else url.raw_host or ""
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"


def _reason(error: OSError) -> str:
    # Several addresses of one name fail as one error without a number.
    return os.strerror(error.errno or errno.ECONNREFUSED).lower()


def gunzipped(body: bytes) -> bytes:
    """The plain body.

    Raises: ValueError: Go's text for what is wrong with the gzip stream.
    """
    try:
        return gzip.decompress(body)
    except EOFError as error:
        raise ValueError(EARLY_END) from error
    except gzip.BadGzipFile as error:
        checksum = "CRC" in str(error) or "length" in str(error)
        raise ValueError("gzip: invalid checksum" if checksum else "gzip: invalid header") from error
    except zlib.error as error:
        raise ValueError(f"flate: corrupt input: {error}") from error
