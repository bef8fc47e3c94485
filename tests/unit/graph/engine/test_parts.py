"""The engine's small decisions: nodes, routes, headers, redirects, urls and settings."""

import gzip
import logging
import uuid

import pytest
from multidict import CIMultiDict
from yarl import URL

from graph.engine.annotations import call_timeout_s
from graph.engine.core.headers import canonical, for_call, forwarded
from graph.engine.core.nodes import Ratio, compile_graph
from graph.engine.go import errors as goerrors
from graph.engine.go.url import url_error
from graph.engine.http.redirects import Hop, RedirectError, next_hop
from graph.engine.http.routes import Action, NotFound, Redirect, Route, Routes
from graph.errors import UsageError
from graph.spec.deployment import Predictor


def predictor(unit: dict[str, object], images: dict[str, str] | None = None) -> Predictor:
    containers = [{"name": name, "image": image} for name, image in (images or {}).items()]
    return Predictor.from_wire({"name": "p", "graph": unit, "componentSpecs": [{"spec": {"containers": containers}}]})


def hop(method: str = "POST", url: str = "http://a:1/predict", **headers: str) -> Hop:
    return Hop(method, URL(url), url, CIMultiDict(headers), b"x", b"x")


@pytest.mark.parametrize(
    ("image", "labels"),
    [("repo/img:1.2", ("repo/img", "1.2")), ("reg:5000/img:3", ("reg", "")), ("plain", ("plain", "")), ("", ("", ""))],
)
def test_an_image_is_cut_at_its_first_colon_as_the_executor_does(image: str, labels: tuple[str, str]) -> None:
    node = compile_graph(predictor({"name": "m", "type": "MODEL"}, {"m": image}), "")
    assert (node.image, node.image_version) == labels


@pytest.mark.parametrize(
    ("value", "ratio"),
    [
        ("0.25", Ratio(0.25)),
        (" 0.25", Ratio(0.5, 'strconv.ParseFloat: parsing " 0.25": invalid syntax')),
        ("1_0", Ratio(0.5, 'strconv.ParseFloat: parsing "1_0": invalid syntax')),
        ("1e39", Ratio(0.5, 'strconv.ParseFloat: parsing "1e39": value out of range')),
        ("1e999", Ratio(0.5, 'strconv.ParseFloat: parsing "1e999": value out of range')),
    ],
)
def test_the_share_of_an_ab_test_is_read_as_in_go(value: str, ratio: Ratio) -> None:
    parameter = {"name": "ratioA", "value": value, "type": "FLOAT"}
    node = compile_graph(predictor({"name": "ab", "implementation": "RANDOM_ABTEST", "parameters": [parameter]}), "")
    assert node.ab_test == ratio


def test_the_default_log_url_serves_nodes_without_their_own() -> None:
    node = compile_graph(predictor({"name": "m", "logger": {"mode": "request"}}), "http://sink")
    assert node.log is not None
    assert (node.log.url, node.log.requests, node.log.responses) == ("http://sink", True, False)


@pytest.mark.parametrize(
    ("method", "target", "found"),
    [
        ("POST", "/api/v1.0/predictions?x=1", Route(Action.PREDICT, ("OPTIONS", "POST"), "predictions")),
        ("GET", "/api/v1.0/predictions", NotFound.METHOD),
        ("GET", "/api/v1.0/nothing", NotFound.PATH),
        ("GET", "/api/v0.1/status/my%20node", Route(Action.NODE_STATUS, ("GET", "OPTIONS"), "status", "my node")),
        ("GET", "/a/../live?q", Redirect("/live?q")),
        ("GET", "/api//v1.0/", Redirect("/api/v1.0/")),
        ("PUT", "/my-metrics", Route(Action.METRICS)),
        ("GET", "/prometheus", NotFound.PATH),
    ],
)
def test_paths_are_routed_as_in_the_executor(method: str, target: str, found: object) -> None:
    assert Routes("/my-metrics").find(method, target) == found


@pytest.mark.parametrize(
    ("name", "spelled"), [("x-request-id", "X-Request-Id"), ("ETAG", "Etag"), ("odd name", "odd name"), ("", "")]
)
def test_header_names_get_the_spelling_of_go(name: str, spelled: str) -> None:
    assert canonical(name) == spelled


def test_a_missing_request_id_is_made_up_once_and_sent_on() -> None:
    headers, puid = forwarded([("seldon-puid", ""), ("Seldon-Puid", "late"), ("content-type", "x"), ("A", "1")])
    assert uuid.UUID(puid).version == 4
    assert headers == (("A", "1"), ("Seldon-Puid", puid))


def test_several_values_of_a_header_stay_several() -> None:
    headers, _ = forwarded([("Seldon-Puid", "p"), ("content-encoding", "gzip"), ("X", "1"), ("x", "2")])
    call = for_call(headers, "text/plain", "br")
    assert call.getall("Content-Encoding") == ["br", "gzip"]
    assert call.getall("X") == ["1", "2"]


@pytest.mark.parametrize(("status", "method", "body"), [(302, "GET", None), (307, "POST", b"x"), (308, "POST", b"x")])
def test_a_redirect_keeps_the_request_only_with_307_and_308(status: int, method: str, body: bytes | None) -> None:
    after = next_hop(hop(), status, "/other")
    assert after is not None
    assert (after.method, after.body, str(after.url)) == (method, body, "http://a:1/other")


@pytest.mark.parametrize(("location", "kept"), [("/b", True), ("http://b.a:1/", True), ("http://a:2/", False)])
def test_credentials_stay_on_the_site_that_they_were_sent_to(location: str, kept: bool) -> None:  # noqa: FBT001
    after = next_hop(hop(Authorization="secret", Other="1"), 302, location)
    assert after is not None
    assert ("Authorization" in after.headers, after.headers["Other"]) == (kept, "1")


@pytest.mark.parametrize("status", [200, 201, 304, 307, 308])
def test_an_answer_that_sends_nowhere_is_the_last_one(status: int) -> None:
    assert next_hop(hop(), status, "") is None


@pytest.mark.parametrize(
    ("location", "info"),
    [
        ("", "302 response missing Location header"),
        ("ftp://a/x", 'unsupported protocol scheme "ftp"'),
        ("http://a:port/", 'failed to parse Location header "http://a:port/": '),
    ],
)
def test_a_redirect_that_cannot_be_followed_says_why(location: str, info: str) -> None:
    with pytest.raises(RedirectError) as failed:
        next_hop(hop(), 302, location)
    assert failed.value.info.startswith(info)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://sink:80/a?b#c", ""),
        ("sink", ""),
        ("http://[::1]:80/", ""),
        ("http://bad host:%zz", 'invalid port ":%zz" after host'),
        ("http://bad host/", 'invalid character " " in host name'),
        ("http://h/%zz", 'invalid URL escape "%zz"'),
        ("http://h\n/", "net/url: invalid control character in URL"),
        ("1:2", "first path segment in URL cannot contain colon"),
        (":80", "missing protocol scheme"),
    ],
)
def test_a_bad_url_is_described_in_the_words_of_go(url: str, error: str) -> None:
    shown = url.replace("\n", "\\n")
    assert url_error(url) == (f'parse "{shown}": {error}' if error else "")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (gzip.compress(b"ok", mtime=0)[:-4], "unexpected EOF"),
        (b"plain text", "gzip: invalid header"),
        (gzip.compress(b"ok", mtime=0)[:-8] + b"\0" * 8, "gzip: invalid checksum"),
    ],
)
def test_a_broken_gzip_body_is_described_in_the_words_of_go(body: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        goerrors.gunzipped(body)


def test_the_call_timeout_comes_in_milliseconds() -> None:
    assert call_timeout_s({"seldon.io/rest-timeout": "250"}) == 0.25
    assert call_timeout_s({"seldon.io/rest-timeout": "-5"}) is None


def test_one_annotation_with_an_equals_sign_spoils_all(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = call_timeout_s({"seldon.io/rest-timeout": "250", "note": "a=b"})
    assert found is None
    assert caplog.messages == ["engine.annotations_ignored"]


@pytest.mark.parametrize("value", ["abc", "1.5", "2147483648", " 1"])
def test_an_annotation_that_is_no_whole_number_keeps_the_engine_from_starting(value: str) -> None:
    with pytest.raises(UsageError, match="rest-timeout: wanted a whole number"):
        call_timeout_s({"seldon.io/rest-timeout": value})
