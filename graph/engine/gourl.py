"""What Go's `net/url` says of a url that it cannot parse: the executor fails a logged request with that text."""

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_BAD_HOST = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]")
_SHORT_CONTROLS = {
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}
_PORT = re.compile(r":[0-9]*")


def url_error(url: str) -> str:
    """Go's error text for the url; empty when it parses.

    Covers what a hand-written url gets wrong: control characters, scheme, host, port and percent signs.
    """
    problem = _problem(url)
    return f'parse "{_quotable(url)}": {problem}' if problem else ""


def _escaped_control(match: re.Match[str]) -> str:
    sign = match.group()
    return _SHORT_CONTROLS.get(sign) or f"\\x{ord(sign):02x}"


def _quotable(url: str) -> str:
    return _CONTROL.sub(_escaped_control, url.replace("\\", "\\\\").replace('"', '\\"'))


def _problem(url: str) -> str:
    if _CONTROL.search(url):
        return "net/url: invalid control character in URL"
    head, colon, rest = url.partition(":")
    if url.startswith(":"):
        return "missing protocol scheme"
    if not colon or _SCHEME.fullmatch(head) is None:
        first = url.partition("/")[0]
        return "first path segment in URL cannot contain colon" if ":" in first else _escape_problem(url)
    authority, slash, path = rest.removeprefix("//").partition("/")
    problem = _host_problem(authority.rpartition("@")[2]) if rest.startswith("//") else ""
    return problem or _escape_problem(slash + path.partition("?")[0])


def _host_problem(host: str) -> str:
    host = host.partition("?")[0].partition("#")[0]
    before, colon, port = host.rpartition(":")
    if host.startswith("["):
        before, _, port = host.rpartition("]")
        colon = port[:1]
        port = port[1:]
    if colon and _PORT.fullmatch(colon + port) is None:
        return f'invalid port "{colon}{port}" after host'
    bad = _BAD_HOST.search(host)
    if bad:
        return f'invalid character "{bad.group()}" in host name'
    return _escape_problem(before or host)


def _escape_problem(text: str) -> str:
    bad = _BAD_ESCAPE.search(text)
    return f'invalid URL escape "{bad.group()}"' if bad else ""
