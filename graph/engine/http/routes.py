"""Which paths and methods the executor answers, as its router (gorilla/mux) decides.

Source: executor/api/rest/server.go of Seldon Core 1.17.1, protocol seldon.
"""

import posixpath
import re
from dataclasses import dataclass
from enum import Enum, auto

from graph.engine.go.url import GoUrl, unescaped


class Action(Enum):
    """What a route does."""

    PREDICT = auto()
    FEEDBACK = auto()
    NODE_STATUS = auto()
    NODE_METADATA = auto()
    GRAPH_METADATA = auto()
    READY = auto()
    LIVE = auto()
    METRICS = auto()
    DOCUMENT = auto()


@dataclass(frozen=True)
class Route:
    """A path the executor knows. `methods` empty = any; `service` None = not measured; the last two stand in it."""

    action: Action
    methods: tuple[str, ...] = ()
    service: str | None = None
    node: str = ""
    file: str = ""


@dataclass(frozen=True)
class Redirect:
    """The path has to be asked for in its clean form."""

    location: str


class NotFound(Enum):
    """No answer of the executor's own: the path, or the method on a known path."""

    PATH = 404
    METHOD = 405


_POST = ("OPTIONS", "POST")
_GET = ("GET", "OPTIONS")
_STATUS = Route(Action.READY, _GET, "status")
_FIXED = {
    "/api/v1.0/predictions": Route(Action.PREDICT, _POST, "predictions"),
    "/api/v0.1/predictions": Route(Action.PREDICT, _POST, "predictions"),
    "/api/v1.0/feedback": Route(Action.FEEDBACK, _POST, "feedback"),
    "/api/v0.1/feedback": Route(Action.FEEDBACK, _POST, "feedback"),
    "/api/v1.0/status": _STATUS,
    "/api/v1.0/health/status": _STATUS,
    "/api/v1.0/metadata": Route(Action.GRAPH_METADATA, _GET, "metadata"),
    "/ready": Route(Action.READY),
    "/live": Route(Action.LIVE),
}
_OF_NODE = re.compile(r"/api/v(?:1\.0|0\.1)/(status|metadata)/([^/]+)")
_DOCUMENT = re.compile(r"/api/v(?:1\.0|0\.1)/doc/(.*)", re.DOTALL)
_NODE_ACTIONS = {"status": Action.NODE_STATUS, "metadata": Action.NODE_METADATA}


class Routes:
    """The routes of one engine; the metrics path is its setting."""

    def __init__(self, prometheus_path: str) -> None:
        self._fixed = {**_FIXED, prometheus_path: Route(Action.METRICS)}

    def find(self, method: str, target: str) -> Route | Redirect | NotFound:
        """The route of a request line's target, query and all.

        Raises: UrlError: the target is no url.
        """
        route = self._fixed.get(target)
        if route is None:
            url = GoUrl.parse(target, of_request=True)
            path = unescaped(url.path)
            clean = _clean(path)
            if clean != path:
                return Redirect(str(url.with_path(clean)))
            route = self._fixed.get(path) or _pattern(path)
        if route is None:
            return NotFound.PATH
        return NotFound.METHOD if route.methods and method not in route.methods else route


def _pattern(path: str) -> Route | None:
    match = _OF_NODE.fullmatch(path)
    if match is not None:
        return Route(_NODE_ACTIONS[match[1]], _GET, match[1], match[2])
    document = _DOCUMENT.fullmatch(path)
    return Route(Action.DOCUMENT, file=document[1]) if document else None


def _clean(path: str) -> str:
    clean = "/" + posixpath.normpath("/" + path).lstrip("/")
    return clean + "/" if path.endswith("/") and clean != "/" else clean
