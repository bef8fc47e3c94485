"""Redirects as Go's http client follows them."""

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from multidict import CIMultiDict
from yarl import URL

from graph.engine.go.url import GoUrl, UrlError, quoted

_MAX_HOPS = 10
_LAST_PORT = 65_535
_TO_GET = frozenset({301, 302, 303})
_KEEPING = frozenset({307, 308})
_PRIVATE = frozenset({"authorization", "www-authenticate", "cookie", "cookie2"})


class RedirectError(Exception):
    """A redirect that cannot be followed: Go's text, and the url that Go names with it."""

    def __init__(self, info: str, url: str) -> None:
        super().__init__(info)
        self.info = info
        self.url = url


@dataclass(frozen=True, slots=True)
class Hop:
    """One HTTP request of a node call.

    `text` is the url as it was written, which Go's errors show; `first_body` is what 307 and 308 send again.
    """

    method: str
    url: URL
    text: str
    headers: CIMultiDict[str]
    body: bytes | None
    first_body: bytes | None
    count: int = 1


def next_hop(hop: Hop, status: int, location: str) -> Hop | None:
    """Where the answer sends the call; None when it is the final one.

    301, 302 and 303 turn everything into GET without a body, the Content-Type stays; 307 and 308 repeat the request.
    Credentials do not follow to another host or port.

    Raises: RedirectError: no Location, one that is no url or leads nowhere, or more than ten requests.
    """
    if status not in _TO_GET and not (status in _KEEPING and location):
        return None
    if not location:
        raise RedirectError(f"{status} response missing Location header", hop.text)
    target = _target(hop, location)
    if hop.count >= _MAX_HOPS:
        raise RedirectError(f"stopped after {_MAX_HOPS} redirects", location)
    url = _reachable(target)
    keeping = status in _KEEPING
    return Hop(
        method=hop.method if keeping or hop.method == "HEAD" else "GET",
        url=url,
        text=target.shown(),
        headers=_following(hop, url, target.user),
        body=hop.first_body if keeping else None,
        first_body=hop.first_body,
        count=hop.count + 1,
    )


def _target(hop: Hop, location: str) -> GoUrl:
    try:
        return GoUrl.parse(hop.text).joined(GoUrl.parse(location))
    except UrlError as error:
        raise RedirectError(f"failed to parse Location header {quoted(location)}: {error}", hop.text) from error


def _reachable(target: GoUrl) -> URL:
    if target.scheme not in ("http", "https"):
        raise RedirectError(f"unsupported protocol scheme {quoted(target.scheme)}", target.shown())
    if not target.host:
        raise RedirectError("http: no Host in request URL", target.shown())
    port = target.host.rpartition("]")[2].rpartition(":")[2]
    if port.isdigit() and int(port) > _LAST_PORT:
        raise RedirectError(f"dial tcp: address {port}: invalid port", target.shown())
    try:
        return URL(str(target.without_user()), encoded=True).with_fragment(None)
    except ValueError as error:
        raise RedirectError(f"dial tcp: lookup {target.host}: no such host", target.shown()) from error


def _following(hop: Hop, url: URL, user: str | None) -> CIMultiDict[str]:
    headers = CIMultiDict(hop.headers)
    if not _same_site(hop.url, url):
        for name in _PRIVATE:
            headers.popall(name, None)
    if user is not None and "Authorization" not in headers:
        name, _, password = user.partition(":")
        pair = b":".join(map(unquote_to_bytes, (name, password)))
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
    if not (hop.url.scheme == "https" and url.scheme == "http"):
        headers["Referer"] = str(GoUrl.parse(hop.text).without_user())
    return headers


def _same_site(old: URL, new: URL) -> bool:
    before, after = f"{old.raw_host}:{old.port}", f"{new.raw_host}:{new.port}"
    return after == before or after.endswith(f".{before}")
