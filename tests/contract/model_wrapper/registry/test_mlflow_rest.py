"""Asking an MLflow server over REST: what is sent, what is understood, and when the registry's client must be asked."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fleet import NameSyntaxError
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry.mlflow_rest import NamedModel, RegistryState, registry_state

WAIT_S = 120
URI = "models:/storecast-fleet@champion"
STORE = "prophet-retail-forecaster-store-"
VERSION = {"model_version": {"name": "storecast-fleet", "version": "7", "creation_timestamp": "1700000000000"}}


class Server:
    """Answers each call with what a test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {"alias": [(200, VERSION)], "get": [(200, VERSION)]}
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.url = ""

    def take(self, path: str, authorization: str) -> tuple[int, bytes]:
        parts = urlsplit(path)
        call = parts.path.rpartition("/")[2]
        self.asked.append((parts.path, parse_qs(parts.query), authorization))
        answers = self.answers[call]
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    scripted = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = scripted.take(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's
            pass

    with listening(Handler) as port:
        scripted.url = f"http://127.0.0.1:{port}"
        yield scripted


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield http.server_address[1]
        http.shutdown()
        thread.join(10)


def ask(
    server: Server, environ: dict[str, str] | None = None, *, with_stores: bool = False, uri: str = URI
) -> RegistryState | None:
    return registry_state(uri, {"MLFLOW_TRACKING_URI": server.url, **(environ or {})}, 5, with_stores=with_stores)


def test_an_alias_is_one_question(server: Server) -> None:
    assert ask(server) == RegistryState(NamedModel("storecast-fleet", "7", "1700000000000"), {})
    path, arguments, authorization = server.asked[0]

    assert path == "/api/2.0/mlflow/registered-models/alias"
    assert arguments == {"name": ["storecast-fleet"], "alias": ["champion"]}
    assert (len(server.asked), authorization) == (1, "")


def test_a_version_is_asked_for_by_its_number(server: Server) -> None:
    assert ask(server, uri="models:/storecast-fleet/7") is not None
    assert server.asked[0][1] == {"name": ["storecast-fleet"], "version": ["7"]}


def test_stores_are_found_by_one_search_whatever_its_pages(server: Server) -> None:
    def model(name: str, **aliases: str) -> dict[str, Any]:
        pairs = [{"alias": alias, "version": version} for alias, version in aliases.items()]
        return {"name": name, "creation_timestamp": 5, **({"aliases": pairs} if pairs else {})}

    first = [model(f"{STORE}4", champion="2", old="1"), model(f"{STORE}5"), model(f"{STORE}%zz", champion="1")]
    last = [model(f"{STORE}a%2Fb", champion="9")]
    server.answers["search"] = [
        (200, {"registered_models": first, "next_page_token": "more"}),
        (200, {"registered_models": last}),
    ]
    found = ask(server, with_stores=True)

    assert found is not None
    assert found.stores == {"4": NamedModel(f"{STORE}4", "2", "5"), "a/b": NamedModel(f"{STORE}a%2Fb", "9", "5")}
    assert [arguments.get("page_token") for _, arguments, _ in server.asked[1:]] == [None, ["more"]]
    assert server.asked[1][1]["filter"] == [f"name LIKE '{STORE}%'"]


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "t0ken"}, "Bearer t0ken"),
        (
            {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cret"},
            "Basic " + base64.b64encode(b"ann:s3cret").decode(),
        ),
    ],
)
def test_credentials_of_the_environment_are_sent(server: Server, environ: dict[str, str], wanted: str) -> None:
    ask(server, environ)

    assert server.asked[0][2] == wanted


def test_credentials_in_the_address_are_sent_and_never_told(server: Server) -> None:
    server.answers["alias"] = [(503, {})]
    environ = {"MLFLOW_TRACKING_URI": server.url.replace("://", "://ann:p%40ss@")}
    with pytest.raises(FleetUnavailableError, match="status 503") as told:
        registry_state(URI, environ, 5, with_stores=False)

    assert server.asked[0][2] == "Basic " + base64.b64encode(b"ann:p@ss").decode()
    assert "p%40ss" not in str(told.value)


@pytest.mark.parametrize("status", [400, 404])
def test_an_alias_that_is_not_there_is_told_in_the_servers_words(server: Server, status: int) -> None:
    server.answers["alias"] = [
        (status, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "alias champion not found"})
    ]
    with pytest.raises(FleetUnavailableError, match="alias champion not found"):
        ask(server)

    assert len(server.asked) == 1


def test_a_long_message_of_the_server_is_cut(server: Server) -> None:
    server.answers["alias"] = [(404, {"message": "no " * 10_000})]
    with pytest.raises(FleetUnavailableError, match="no no no") as told:
        ask(server)

    assert len(str(told.value)) < 800


@pytest.mark.parametrize("answer", [(401, {}), (404, b"<html>"), (200, b"no json"), (200, {}), (200, [])])
def test_what_is_not_understood_is_left_to_the_registrys_client(server: Server, answer: tuple[int, Any]) -> None:
    server.answers["alias"] = [answer]

    assert ask(server) is None


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_SERVER_CERT_PATH"])
def test_what_only_the_client_can_do_is_left_to_it(server: Server, name: str) -> None:
    assert ask(server, {name: "x"}) is None
    assert server.asked == []


def test_a_registry_that_is_no_server_is_left_to_the_client() -> None:
    assert registry_state(URI, {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}, 5, with_stores=False) is None


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    done = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            done.wait(WAIT_S)

    with listening(Silent) as port:
        environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        with pytest.raises(FleetUnavailableError, match=r"within 0.2 s \(setting STORECAST_FETCH_TIMEOUT_S\)"):
            registry_state(URI, environ, 0.2, with_stores=False)
        done.set()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 404 Not Found\r\n\r\n"])
def test_a_server_that_drips_its_answer_is_given_up_in_time(said: bytes) -> None:
    done = threading.Event()

    class Dripping(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.wfile.write(said)
            while not done.wait(0.05):
                with suppress(OSError):
                    self.wfile.write(b" ")

    with listening(Dripping) as port:
        give_up = threading.Timer(WAIT_S, done.set)
        give_up.start()
        environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        with pytest.raises(FleetUnavailableError, match=r"within 0.3 s \(setting STORECAST_FETCH_TIMEOUT_S\)"):
            registry_state(URI, environ, 0.3, with_stores=False)
        assert not done.is_set()
        give_up.cancel()
        done.set()


def test_all_pages_of_a_search_have_one_time_limit() -> None:
    page = json.dumps({**VERSION, "registered_models": [], "next_page_token": "more"}).encode()

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's
            pass

    with listening(Endless) as port:
        environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        with pytest.raises(FleetUnavailableError, match=r"within 0\.3 s"):
            registry_state(URI, environ, 0.3, with_stores=True)


def test_what_is_no_http_is_told() -> None:
    class Strange(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.example ready\r\n")

    with listening(Strange) as port:
        environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        with pytest.raises(FleetUnavailableError, match="BadStatusLine"):
            registry_state(URI, environ, 5, with_stores=False)


def test_credentials_do_not_follow_a_redirect() -> None:
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))

    class Away(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{elsewhere}/x")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's
            pass

    with listening(Elsewhere) as other, listening(Away) as port:
        elsewhere = f"http://localhost:{other}"
        environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}", "MLFLOW_TRACKING_TOKEN": "t0ken"}

        assert registry_state(URI, environ, 5, with_stores=False) is None
    assert seen == []


def test_a_uri_without_a_version_is_told(server: Server) -> None:
    with pytest.raises(NameSyntaxError, match="models:/NAME@ALIAS"):
        ask(server, uri="models:/storecast-fleet")
