"""HTTP/1.1 on bare streams: exactly the given headers go out, and all that came in can be seen."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

HeaderList = list[tuple[str, str]]


@dataclass(frozen=True)
class Message:
    """A request or an answer: its first line in three parts, all headers in order, the whole body."""

    start: tuple[str, str, str]
    headers: HeaderList
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of the header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


async def read_head(reader: asyncio.StreamReader) -> tuple[tuple[str, str, str], HeaderList]:
    """First line and headers. Raises asyncio.IncompleteReadError at the end of the stream."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    one, _, rest = first.partition(" ")
    two, _, three = rest.partition(" ")
    pairs = [line.partition(":") for line in lines]
    return (one, two, three), [(name, value.strip()) for name, _, value in pairs]


async def read_body(reader: asyncio.StreamReader, headers: HeaderList, *, to_the_end: bool) -> bytes:
    """The body, by Content-Length or in chunks; without either nothing, or all up to the end of the stream."""
    named = {name.lower(): value for name, value in headers}
    if named.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in named:
        return await reader.readexactly(int(named["content-length"]))
    return await reader.read() if to_the_end else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body


def head_bytes(first_line: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """First line and headers as they go on the wire."""
    lines = [first_line, *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def ask(port: int, method: str, path: str, headers: HeaderList, body: bytes | None, *, chunked: bool) -> Message:
    """One request on a connection of its own, and its answer.

    Raises: OSError: nobody listens.  asyncio.IncompleteReadError: the connection was closed without an answer.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        framing = _framing(body, chunked=chunked)
        writer.write(head_bytes(f"{method} {path} HTTP/1.1", [("Host", f"127.0.0.1:{port}"), *headers, *framing]))
        writer.write(_as_chunks(body) if chunked and body else body or b"")
        start, answer = await read_head(reader)
        while start[1].startswith("1"):
            start, answer = await read_head(reader)
        bodyless = method == "HEAD" or start[1] in ("204", "304")
        return Message(start, answer, b"" if bodyless else await read_body(reader, answer, to_the_end=True))
    finally:
        writer.close()


def _framing(body: bytes | None, *, chunked: bool) -> HeaderList:
    if chunked:
        return [("Transfer-Encoding", "chunked")]
    return [] if body is None else [("Content-Length", str(len(body)))]


def _as_chunks(body: bytes) -> bytes:
    half = len(body) // 2 or 1
    parts = [body[:half], body[half:]]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
