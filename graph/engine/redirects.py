"""Redirects as Go's http client follows them."""

from dataclasses import dataclass

from multidict import CIMultiDict
from yarl import URL

_MAX_HOPS = 10
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

    Raises: RedirectError: no Location, one that is no url, or more than ten requests.
    """
    if status not in _TO_GET and not (status in _KEEPING and location):
        return None
    if not location:
        raise RedirectError(f"{status} response missing Location header", hop.text)
    if hop.count >= _MAX_HOPS:
        raise RedirectError(f"stopped after {_MAX_HOPS} redirects", location)
    url = _joined(hop, location)
    keeping = status in _KEEPING
    return Hop(
        method=hop.method if keeping or hop.method == "HEAD" else "GET",
        url=url,
        text=location if "://" in location else str(url),
        headers=_following(hop, url),
        body=hop.first_body if keeping else None,
        first_body=hop.first_body,
        count=hop.count + 1,
    )


def _joined(hop: Hop, location: str) -> URL:
    try:
        url = hop.url.join(URL(location, encoded=True))
        if url.scheme in ("http", "https") and url.port:
            return url
    except ValueError as error:
        raise RedirectError(f'failed to parse Location header "{location}": {error}', hop.text) from error
    raise RedirectError(f'unsupported protocol scheme "{url.scheme}"', str(url))


def _following(hop: Hop, url: URL) -> CIMultiDict[str]:
    headers = CIMultiDict(hop.headers)
    if not _same_site(hop.url, url):
        for name in _PRIVATE:
            headers.popall(name, None)
    if not (hop.url.scheme == "https" and url.scheme == "http"):
        headers["Referer"] = hop.text
    return headers


def _same_site(old: URL, new: URL) -> bool:
    before, after = f"{old.raw_host}:{old.port}", f"{new.raw_host}:{new.port}"
    return after == before or after.endswith(f".{before}")
