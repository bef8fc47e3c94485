"""Trace headers: one trace for a request, a span of its own for each call."""

import re

import pytest
from multidict import CIMultiDict

from graph.engine.core.headers import Headers
from graph.engine.telemetry.tracing import Tracer, Tracing

JAEGER = "Uber-Trace-Id"


def called(tracer: Tracer, headers: Headers) -> dict[str, str]:
    call = CIMultiDict(headers)
    tracer.call(call)
    return dict(call)


def test_calls_of_one_request_share_its_trace_and_have_spans_of_their_own() -> None:
    tracer = Tracer(Tracing.JAEGER)
    begun = tracer.begin(())
    calls = [called(tracer, begun)[JAEGER].split(":") for _ in range(2)]
    trace, span, parent, flags = begun[0][1].split(":")
    assert (trace, parent, flags) == (span, "0", "0")
    assert {call[0] for call in calls} == {trace}
    assert {call[2] for call in calls} == {span}
    assert len({call[1] for call in calls}) == 2


def test_a_clients_span_is_the_parent_and_its_sampling_stays() -> None:
    tracer = Tracer(Tracing.JAEGER)
    begun = tracer.begin((("X-A", "1"), (JAEGER, "abc:def:0:1")))
    assert begun[0] == ("X-A", "1")
    assert re.fullmatch(r"abc:[0-9a-f]{16}:def:1", begun[1][1])


@pytest.mark.parametrize("text", ["", "no trace", "abc:def:0", "abc:def:0:1:2", "g:1:0:1"])
def test_what_is_no_span_is_replaced(text: str) -> None:
    begun = Tracer(Tracing.JAEGER).begin(((JAEGER, text),))
    assert [name for name, _ in begun] == [JAEGER]
    assert re.fullmatch(r"[0-9a-f]{16}:[0-9a-f]{16}:0:0", begun[0][1])


def test_zipkins_four_headers_are_written_and_jaegers_passed_on() -> None:
    tracer = Tracer(Tracing.B3)
    given = (("X-B3-Traceid", "abc"), ("X-B3-Spanid", "def"), ("X-B3-Sampled", "1"), (JAEGER, "1:2:3:4"))
    headers = called(tracer, tracer.begin(given))
    assert (headers["X-B3-Traceid"], headers["X-B3-Sampled"], headers[JAEGER]) == ("abc", "1", "1:2:3:4")
    assert headers["X-B3-Parentspanid"] not in {"def", headers["X-B3-Spanid"]}


def test_switched_off_it_leaves_all_headers_alone() -> None:
    given = ((JAEGER, "abc:def:0:1"),)
    tracer = Tracer(Tracing.OFF)
    assert tracer.begin(given) == given
    assert called(tracer, given) == dict(given)
