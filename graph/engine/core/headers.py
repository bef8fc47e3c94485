"""The client's headers on their way to the nodes."""

import uuid
from collections.abc import Iterable
from functools import lru_cache

from multidict import CIMultiDict

PUID = "Seldon-Puid"
_NOT_FORWARDED = frozenset({"Content-Type", "Host", "Content-Length", "Transfer-Encoding", "Trailer"})
_USER_AGENT = "User-Agent"
_DEFAULT_USER_AGENT = "Go-http-client/1.1"
_TOKEN_SIGNS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

Headers = tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def canonical(name: str) -> str:
    """The name in Go's spelling: `x-request-id` is `X-Request-Id`; a name with odd signs stays as it is."""
    if not name or not _TOKEN_SIGNS.issuperset(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def forwarded(headers: Iterable[tuple[str, str]]) -> tuple[Headers, str]:
    """What every node gets of the client's headers, and the request's id.

    All are passed on but those that belong to the connection or the body. The id is the first Seldon-Puid; when that
    is missing or empty, a new UUID takes the place of all of them. Of several User-Agent headers the first stays.
    """
    kept: list[tuple[str, str]] = []
    puid: str | None = None
    agent_seen = False
    for raw_name, value in headers:
        name = canonical(raw_name)
        if name in _NOT_FORWARDED or (name == _USER_AGENT and agent_seen):
            continue
        agent_seen = agent_seen or name == _USER_AGENT
        puid = value if name == PUID and puid is None else puid
        kept.append((name, value))
    if puid:
        return tuple(kept), puid
    puid = str(uuid.uuid4())
    return (*(pair for pair in kept if pair[0] != PUID), (PUID, puid)), puid


def for_call(headers: Headers, content_type: str | None, content_encoding: str = "") -> CIMultiDict[str]:
    """The headers of one node call. `content_type` None = a call without a body."""
    out: CIMultiDict[str] = CIMultiDict()
    if content_type is not None:
        out["Content-Type"] = content_type
    if content_encoding:
        out["Content-Encoding"] = content_encoding
    out.extend(headers)
    if out.setdefault(_USER_AGENT, _DEFAULT_USER_AGENT) == "":
        del out[_USER_AGENT]
    return out
