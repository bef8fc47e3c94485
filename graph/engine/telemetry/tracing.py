"""Trace headers as the executor's tracer writes them: a span for the request, and one below it for each node call.

Spans are only propagated: none is recorded or sent, and a trace that begins here is not sampled.

Source: the recorded vectors `headers-trace-*` of Seldon Core 1.17.1, whose tracer is on unless JAEGER_DISABLED says so.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from multidict import CIMultiDict

from graph.engine.core.headers import Headers

_JAEGER = ("Uber-Trace-Id",)
_B3 = ("X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled")
_JAEGER_SPAN = re.compile(r"([0-9a-fA-F]{1,32}):([0-9a-fA-F]{1,16}):([0-9a-fA-F]{1,16}):([0-9a-fA-F]{1,2})")
_ID = re.compile(r"[0-9a-fA-F]{1,32}")
_ID_BYTES = 8
_NOT_SAMPLED = "0"


class Tracing(StrEnum):
    """How spans are written into headers: one header of Jaeger's, four of Zipkin's, or not at all."""

    JAEGER = "jaeger"
    B3 = "b3"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class _Span:
    trace: str
    span: str
    parent: str
    sampled: str

    def child(self) -> "_Span":
        return _Span(self.trace, secrets.token_hex(_ID_BYTES), self.span, self.sampled)


class Tracer:
    """Writes spans into headers in one of these formats."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._names = {Tracing.JAEGER: _JAEGER, Tracing.B3: _B3, Tracing.OFF: ()}[tracing]

    def begin(self, headers: Headers) -> Headers:
        """The client's headers with the request's own span: below the client's, or the first of a new trace."""
        if not self._names:
            return headers
        given = {name: value for name, value in reversed(headers) if name in self._names}
        kept = tuple(pair for pair in headers if pair[0] not in self._names)
        return (*kept, *self._written(self._next(given)).items())

    def call(self, headers: CIMultiDict[str]) -> None:
        """Put a span of its own for one node call into the call's headers."""
        if self._names:
            headers.update(self._written(self._next(headers)))

    def _next(self, headers: Mapping[str, str]) -> _Span:
        above = self._read(headers)
        if above is not None:
            return above.child()
        first = secrets.token_hex(_ID_BYTES)
        return _Span(first, first, "0", _NOT_SAMPLED)

    def _read(self, headers: Mapping[str, str]) -> _Span | None:
        if self._tracing is Tracing.JAEGER:
            match = _JAEGER_SPAN.fullmatch(headers.get(_JAEGER[0], ""))
            return _Span(match[1], match[2], match[3], match[4]) if match else None
        trace, span, parent, sampled = (headers.get(name, "") for name in _B3)
        if _ID.fullmatch(trace) is None or _ID.fullmatch(span) is None:
            return None
        return _Span(trace, span, parent, sampled or _NOT_SAMPLED)

    def _written(self, span: _Span) -> dict[str, str]:
        values = (span.trace, span.span, span.parent, span.sampled)
        return (
            {_JAEGER[0]: ":".join(values)} if self._tracing is Tracing.JAEGER else dict(zip(_B3, values, strict=True))
        )
