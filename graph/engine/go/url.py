"""Urls as Go's `net/url` reads, joins and writes them, with its words for those that it does not read.

Bytes that are not UTF-8 are kept in texts as Python's `surrogateescape` does.

Source: net/url of Go 1.19, with which the executor 1.17.1 is built.
"""

import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
# In a host only what is no ASCII may be escaped, and the percent sign itself.
_BAD_HOST_ESCAPE = re.compile(r"%(?!25|[89A-Fa-f][0-9A-Fa-f]).{0,2}", re.DOTALL)
_BAD_HOST = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]")
_BAD_USER = re.compile(r"[^A-Za-z0-9\-._:~!$&'()*+,;=%@]")
_PLAIN_PATH = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]/]|%[0-9A-Fa-f]{2})*")
_SAFE_IN_PATH = "$&+,/:;=@"
_SHORT_CONTROLS = {
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}
_PORT = re.compile(r"(?::[0-9]*)?")


class UrlError(ValueError):
    """A text that is no url to Go: its words for why."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"parse {quoted(text)}: {reason}")


@dataclass(frozen=True, slots=True)
class GoUrl:
    """The parts of a url as they were written.

    `opaque` is what stands behind a scheme without a slash; `host` with its port is None without two slashes.
    """

    scheme: str = ""
    opaque: str = ""
    user: str | None = None
    host: str | None = None
    path: str = ""
    query: str | None = None
    fragment: str = ""

    @classmethod
    def parse(cls, text: str, *, of_request: bool = False) -> Self:
        """The url in a text; `of_request`: the target of a request line, which has no fragment.

        Raises: UrlError: there is none.
        """
        if _CONTROL.search(text):
            raise UrlError(text, "net/url: invalid control character in URL")
        whole, hashed, fragment = (text, "", "") if of_request else text.partition("#")
        if of_request and not whole:
            raise UrlError(text, "empty url")
        if whole == "*":
            return cls(path="*")
        scheme, rest = _scheme_and_rest(text, whole)
        rest, mark, query = rest.partition("?")
        parts = cls(scheme=scheme.lower(), query=query if mark else None, fragment=fragment)
        if not rest.startswith("/"):
            if scheme:
                return replace(parts, opaque=rest)
            _check_rootless(text, rest, of_request=of_request)
        if rest.startswith("//") and (scheme or (not of_request and not rest.startswith("///"))):
            authority, slash, rest = rest[2:].partition("/")
            user, at, host = authority.rpartition("@")
            parts = replace(parts, user=user if at else None, host=_checked_host(text, host, user))
            rest = slash + rest
        for part in (rest, fragment if hashed else ""):
            _check_escapes(text, part, _BAD_ESCAPE)
        return replace(parts, path=rest)

    def joined(self, reference: "GoUrl") -> "GoUrl":
        """What a reference means on a page with this url."""
        scheme = reference.scheme or self.scheme
        if reference.scheme or reference.host or reference.user is not None:
            return replace(reference, scheme=scheme, path=_resolved(reference.escaped_path, ""))
        empty = not reference.path and reference.query is None
        return replace(
            self,
            path=_resolved(self.escaped_path, reference.escaped_path),
            query=self.query if empty else reference.query,
            fragment=self.fragment if empty and not reference.fragment else reference.fragment,
        )

    @property
    def escaped_path(self) -> str:
        """The path as it was written if it may stand so, or else with everything escaped that has to be."""
        return self.path if _PLAIN_PATH.fullmatch(self.path) else escaped(unescaped(self.path))

    def with_path(self, path: str) -> "GoUrl":
        """The same url with another path, given without escapes."""
        return replace(self, path=escaped(path))

    def without_user(self) -> "GoUrl":
        """The same url without a user and a password."""
        return replace(self, user=None)

    def shown(self) -> str:
        """The url as errors show it: the password hidden."""
        if self.user is None or ":" not in self.user:
            return str(self)
        return str(replace(self, user=self.user.partition(":")[0] + ":***"))

    def __str__(self) -> str:
        text = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            text += self.opaque
        else:
            if self.host or self.user is not None or (self.host is not None and self.scheme and self.path):
                text += "//"
            text += f"{self.user}@" if self.user is not None else ""
            text += (self.host or "") + self.escaped_path
        text += "" if self.query is None else f"?{self.query}"
        return text + (f"#{self.fragment}" if self.fragment else "")


def url_error(url: str) -> str:
    """Go's error text for the url; empty when it parses."""
    try:
        GoUrl.parse(url)
    except UrlError as error:
        return str(error)
    return ""


def escaped(path: str) -> str:
    """The path with everything escaped that Go escapes."""
    return quote(path, safe=_SAFE_IN_PATH, errors="surrogateescape")


def unescaped(path: str) -> str:
    """The path without its escapes."""
    return unquote(path, errors="surrogateescape")


def quoted(text: str) -> str:
    """The text as Go's `%q` writes it."""
    inside = _CONTROL.sub(_escaped_control, text.replace("\\", "\\\\").replace('"', '\\"'))
    return '"' + re.sub("[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", inside) + '"'


def _escaped_control(match: re.Match[str]) -> str:
    sign = match.group()
    return _SHORT_CONTROLS.get(sign) or f"\\x{ord(sign):02x}"


def _scheme_and_rest(text: str, whole: str) -> tuple[str, str]:
    head, colon, rest = whole.partition(":")
    if whole.startswith(":"):
        raise UrlError(text, "missing protocol scheme")
    return (head, rest) if colon and _SCHEME.fullmatch(head) else ("", whole)


def _check_rootless(text: str, rest: str, *, of_request: bool) -> None:
    if of_request:
        raise UrlError(text, "invalid URI for request")
    if ":" in rest.partition("/")[0]:
        raise UrlError(text, "first path segment in URL cannot contain colon")


def _checked_host(text: str, host: str, user: str) -> str:
    _, colon, port = host.rpartition(":")
    after = colon + port if colon else ""
    if host.startswith("["):
        if "]" not in host:
            raise UrlError(text, "missing ']' in host")
        after = host.rpartition("]")[2]
    if _PORT.fullmatch(after) is None:
        raise UrlError(text, f"invalid port {quoted(after)} after host")
    bad = _BAD_HOST.search(host)
    escape = _BAD_HOST_ESCAPE.search(host)
    if escape and (bad is None or escape.start() < bad.start()):
        raise UrlError(text, f"invalid URL escape {quoted(escape.group())}")
    if bad:
        raise UrlError(text, f"invalid character {quoted(bad.group())} in host name")
    if _BAD_USER.search(user):
        raise UrlError(text, "net/url: invalid userinfo")
    _check_escapes(text, user, _BAD_ESCAPE)
    return host


def _check_escapes(text: str, part: str, bad: re.Pattern[str]) -> None:
    found = bad.search(part)
    if found:
        raise UrlError(text, f"invalid URL escape {quoted(found.group())}")


def _resolved(base: str, reference: str) -> str:
    """A path relative to another, without its dots; empty when both are."""
    if not reference:
        full = base
    elif reference.startswith("/"):
        full = reference
    else:
        full = base[: base.rfind("/") + 1] + reference
    if not full:
        return ""
    kept: list[str] = []
    parts = full.removeprefix("/").split("/")
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and parts[-1] in (".", "..") else "")
