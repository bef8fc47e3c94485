"""One CloudEvent of the executor, in binary mode: attributes in headers, the payload as it was in the body.

Source: executor/logger of Seldon Core 1.17.1; the recorded events in tests/contract/vectors.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from monitoring.request_log.errors import BadEventError

# Ids and names are part of a row's key; PostgreSQL's index takes about 2,700 bytes of it in all.
MAX_ID_BYTES: Final = 256
_NOT_TEXT: Final = MAX_ID_BYTES + 1


class EventKind(StrEnum):
    """What an event holds, as metrics name it."""

    REQUEST = "request"
    RESPONSE = "response"
    FEEDBACK = "feedback"


EVENT_TYPES: Final[Mapping[str, EventKind]] = {
    "io.seldon.serving.inference.request": EventKind.REQUEST,
    "io.seldon.serving.inference.response": EventKind.RESPONSE,
    "io.seldon.serving.feedback": EventKind.FEEDBACK,
}


class Origin(NamedTuple):
    """What a request and its response have in common."""

    namespace: str
    deployment: str
    predictor: str
    node: str
    request_id: str


_HEADERS: Final = Origin("ce-namespace", "ce-inferenceservicename", "ce-endpoint", "ce-modelid", "ce-requestid")


@dataclass(frozen=True, slots=True)
class EventHeader:
    """What the headers of an event say: CloudEvents calls it the context attributes."""

    kind: EventKind
    origin: Origin
    time: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event; `arrived_s` is a time of `time.monotonic`."""

    header: EventHeader
    body: bytes
    arrived_s: float

    @property
    def fingerprint(self) -> tuple[Origin, EventKind, int, int]:
        """The same for the same payload of the same node and request: what the executor sends twice."""
        return self.header.origin, self.header.kind, len(self.body), zlib.crc32(self.body)


def read_header(headers: Mapping[str, str]) -> EventHeader:
    """The event header from the headers of an HTTP request; the mapping decides whether the case of names counts.

    Raises: BadEventError: with every problem.
    """
    kind = EVENT_TYPES.get(headers.get("ce-type", ""))
    problems = [] if kind else [f"ce-type: wanted one of {', '.join(EVENT_TYPES)}"]
    values = Origin(*(headers.get(name, "") for name in _HEADERS))
    # The one header that a client writes: refusing it would let the client keep its forecasts out of the log.
    values = values._replace(request_id=kept_id(values.request_id))
    for name, value in zip(_HEADERS, values, strict=True):
        # The executor leaves the namespace or the deployment empty if it was started without one.
        if _bytes_of(value) > MAX_ID_BYTES or not (value or name in {"ce-namespace", "ce-inferenceservicename"}):
            problems.append(f"{name}: wanted UTF-8 text of 1 to {MAX_ID_BYTES} bytes, got {len(value)} characters")
    time = _time_of(headers.get("ce-time"))
    if time is None:
        problems.append("ce-time: wanted a time such as 2015-06-20T07:00:00.5Z")
    if kind is None or time is None or problems:
        raise BadEventError(
            "wanted a CloudEvent of the executor in binary mode, got other headers: " + "; ".join(problems)
        )
    return EventHeader(kind, values, time)


def kept_id(request_id: str) -> str:
    """A request id as the log keeps it: the SHA-256 of an id that is longer than `MAX_ID_BYTES` or not UTF-8."""
    if _bytes_of(request_id) <= MAX_ID_BYTES:
        return request_id
    return f"sha256:{hashlib.sha256(request_id.encode(errors='surrogatepass')).hexdigest()}"


def _bytes_of(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return _NOT_TEXT


def _time_of(text: str | None) -> datetime | None:
    """The time of an event; now if it has none, which CloudEvents allow."""
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
