"""Asks an MLflow server what it says now, over its REST interface: a few ms, without the registry's large client.

Only plain servers: with a user and password or a token, not with what the client alone can do (signed requests, own
certificates). Where this module does not know, the client is asked.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from fleet.errors import NameSyntaxError
from fleet.names import CHAMPION, STORES_A_PAGE, STORES_FILTER, parse_model_uri, store_id_of
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry.http_get import BoundedHttp

_CLIENT_ONLY = (
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
)
_MAX_REASON_CHARS = 600
_API = "/api/2.0/"
_FILES = "mlflow-artifacts/artifacts"
_OK = 200
_SERVER_ERROR = 500
_TOLD = (400, 404)  # an alias that is not there is one or the other, by the server's version


class NamedModel(NamedTuple):
    """A version in the registry: enough to find it in the cache."""

    name: str
    version: str
    created: str


class RegistryState(NamedTuple):
    """What the registry says now: the fleet's version, and each store's own champion."""

    fleet: NamedModel
    stores: dict[str, NamedModel]


class AskTheClientError(Exception):
    """The server did not answer as is expected here, or holds what only the registry's client can get."""


def registry_state(
    uri: str, environ: Mapping[str, str], timeout_s: float, *, with_stores: bool
) -> RegistryState | None:
    """Ask which version a URI names now; None: the registry's client must be asked.

    Args:   timeout_s: for all of the answers together.
    Raises: FleetUnavailableError: the server cannot be reached, does not answer in time, or has no such version.
            NameSyntaxError: the URI names no version.
    """
    server = Server.of(environ, timeout_s)
    if server is None:
        return None
    name, alias, number = parse_model_uri(uri)
    try:
        if alias:
            said = server.get("mlflow/registered-models/alias", {"name": name, "alias": alias})
        else:
            said = server.get("mlflow/model-versions/get", {"name": name, "version": number or ""})
        model = said["model_version"]
        fleet = NamedModel(name, str(model["version"]), str(model["creation_timestamp"]))
        return RegistryState(fleet, dict(_stores(server)) if with_stores else {})
    except (AskTheClientError, KeyError, TypeError, ValueError):
        return None


def _stores(server: "Server") -> Iterator[tuple[str, NamedModel]]:
    asked = {"filter": STORES_FILTER, "max_results": str(STORES_A_PAGE)}
    while True:
        said = server.get("mlflow/registered-models/search", asked)
        for model in said.get("registered_models", []):
            aliases = {each["alias"]: str(each["version"]) for each in model.get("aliases", [])}
            found = own_champion(model["name"], aliases, str(model["creation_timestamp"]))
            if found is not None:
                yield found
        if not said.get("next_page_token"):
            return
        asked["page_token"] = said["next_page_token"]


def own_champion(name: str, aliases: Mapping[str, object], created: str) -> tuple[str, NamedModel] | None:
    """The store and the champion of a registered model; None where it is no store's, or has no champion."""
    try:
        store_id = store_id_of(name)
    except NameSyntaxError:
        return None
    return (store_id, NamedModel(name, str(aliases[CHAMPION]), created)) if CHAMPION in aliases else None


class Server(NamedTuple):
    """An MLflow server: address without credentials, what goes into Authorization, and the time for all answers."""

    base: str
    authorization: str
    timeout_s: float
    http: BoundedHttp

    @classmethod
    def of(cls, environ: Mapping[str, str], timeout_s: float) -> "Server | None":
        """Begin the time now; None where only the registry's client can ask."""
        address = environ.get("MLFLOW_REGISTRY_URI") or environ.get("MLFLOW_TRACKING_URI", "")
        if not address.startswith(("http://", "https://")) or any(environ.get(name) for name in _CLIENT_ONLY):
            return None
        parts = urlsplit(address)
        userinfo, _, host = parts.netloc.rpartition("@")
        user, _, password = (unquote(part) for part in userinfo.partition(":"))
        user = user or environ.get("MLFLOW_TRACKING_USERNAME", "")
        password = password or environ.get("MLFLOW_TRACKING_PASSWORD", "")
        token = environ.get("MLFLOW_TRACKING_TOKEN", "")
        authorization = f"Bearer {token}" if token and not user else ""
        if user:
            authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        return cls(base, authorization, timeout_s, BoundedHttp(timeout_s))

    def get(self, call: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        """The JSON object that a call answers.

        Raises: FleetUnavailableError: no answer in time, or an error that the server tells.  AskTheClientError.
        """
        where = f"API request to {self.base}{_API}{call} failed"
        with self._told_as(where):
            status, body = self.http.get(f"{self.base}{_API}{call}?{urlencode(arguments)}", self._headers)
        said = _object(body)
        if status != _OK:
            raise self._told(status, said, where)
        return said

    def listed(self, path: str) -> list[tuple[str, bool]]:
        """The names in a folder of artifacts that the server hands out, each with whether it is a folder.

        Raises: as `get`.
        """
        found = [(each["path"], bool(each["is_dir"])) for each in self.get(_FILES, {"path": path}).get("files", [])]
        if not all(_is_name(name) for name, _ in found):
            raise AskTheClientError
        return found

    def save(self, path: str, file: Path) -> None:
        """Download an artifact that the server hands out.

        Raises: as `get`.
        """
        where = f"API request to {self.base}{_API}{_FILES}/{path} failed"
        with self._told_as(where):
            status = self.http.save(f"{self.base}{_API}{_FILES}/{quote(path)}", self._headers, file)
        if status != _OK:
            raise self._told(status, {}, where)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization} if self.authorization else {}

    @contextmanager
    def _told_as(self, where: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise FleetUnavailableError(self._late(where)) from None
        except OSError as error:
            late = isinstance(getattr(error, "reason", None), TimeoutError)
            raise FleetUnavailableError(self._late(where) if late else f"{where}: {error}") from None

    def _late(self, where: str) -> str:
        return f"{where}: no answer within {self.timeout_s:g} s (setting STORECAST_FETCH_TIMEOUT_S)"

    @staticmethod
    def _told(status: int, said: Mapping[str, Any], where: str) -> Exception:
        if status >= _SERVER_ERROR:
            return FleetUnavailableError(f"{where}: status {status}")
        message = said.get("message") if status in _TOLD else None
        return FleetUnavailableError(f"{where}: {str(message)[:_MAX_REASON_CHARS]}") if message else AskTheClientError()


def _is_name(name: object) -> bool:
    """Whether it names something in a folder, and leads nowhere else."""
    return isinstance(name, str) and name not in ("", ".", "..") and not any(sign in name for sign in "/\\\0")


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return said if isinstance(said, dict) else {}
