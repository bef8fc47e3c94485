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


class Kind(StrEnum):
    """What an event holds, as metrics name it."""

    REQUEST = "request"
    RESPONSE = "response"
    FEEDBACK = "feedback"


TYPES: Final[Mapping[str, Kind]] = {
    "io.seldon.serving.inference.request": Kind.REQUEST,
    "io.seldon.serving.inference.response": Kind.RESPONSE,
    "io.seldon.serving.feedback": Kind.FEEDBACK,
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
class Head:
    """What the headers of an event say."""

    kind: Kind
    origin: Origin
    time: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was accepted; `arrived_s` is on the clock of `time.monotonic`."""

    head: Head
    body: bytes
    arrived_s: float

    @property
    def fingerprint(self) -> tuple[Origin, Kind, int, int]:
        """The same for the same payload of the same node and request: what the executor sends twice."""
        return self.head.origin, self.head.kind, len(self.body), zlib.crc32(self.body)


def read_head(headers: Mapping[str, str]) -> Head:
    """What the headers of an HTTP request say; names in any case if the mapping takes them so.

    Raises: BadEventError: with every problem.
    """
    kind = TYPES.get(headers.get("ce-type", ""))
    problems = [] if kind else [f"ce-type: wanted one of {', '.join(TYPES)}"]
    values = Origin(*(headers.get(name, "") for name in _HEADERS))
    # The one header that a client writes: refusing it would let the client keep its forecasts out of the log.
    values = values._replace(request_id=kept_id(values.request_id))
    for name, value in zip(_HEADERS, values, strict=True):
        # The executor leaves the name of a namespace or a deployment empty where it was given none.
        if _bytes_of(value) > MAX_ID_BYTES or not (value or name in {"ce-namespace", "ce-inferenceservicename"}):
            problems.append(f"{name}: wanted UTF-8 text of 1 to {MAX_ID_BYTES} bytes, got {len(value)} characters")
    time = _time_of(headers.get("ce-time"))
    if time is None:
        problems.append("ce-time: wanted a time such as 2015-06-20T07:00:00.5Z")
    if kind is None or time is None or problems:
        raise BadEventError(
            "wanted a CloudEvent of the executor in binary mode, got other headers: " + "; ".join(problems)
        )
    return Head(kind, values, time)


def kept_id(request_id: str) -> str:
    """A request id as the log keeps it: one that is longer than `MAX_ID_BYTES`, or no UTF-8, by its SHA-256."""
    if _bytes_of(request_id) <= MAX_ID_BYTES:
        return request_id
    return f"sha256:{hashlib.sha256(request_id.encode(errors='surrogatepass')).hexdigest()}"


def _bytes_of(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return _NOT_TEXT


def _time_of(text: str | None) -> datetime | None:
    """The time of an event; now, if it names none, which CloudEvents allow."""
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
