"""What an MLflow server hands out is brought over REST; what it does not, or says strangely, is left to the client."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from support.fleets import small_fleet

from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry.cache import FleetCache
from model_wrapper.registry.mlflow_rest import NamedModel, Server
from model_wrapper.registry.rest_files import bring_fleet, download, tags_of

FLEET = NamedModel("storecast-fleet", "7", "1700000000000")
API = "/api/2.0/"
FILES = f"{API}mlflow-artifacts/artifacts"


class Artifacts:
    """Hands out the files below a folder, as MLflow does; a test may change what is said."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = "mlflow-artifacts:/1/models/m-1/artifacts"
        self.listing: list[dict[str, Any]] | None = None
        self.status, self.cut, self.prefix, self.url = 200, 0, "", ""
        self.asked: list[tuple[str, str]] = []

    def answer(self, target: str) -> bytes:
        parts = urlsplit(target)
        path = unquote(parts.path)
        if path == f"{self.prefix}{API}mlflow/model-versions/get-download-uri":
            return json.dumps({"artifact_uri": self.uri}).encode()
        if path == f"{self.prefix}{API}mlflow/model-versions/get":
            return json.dumps({"model_version": {"tags": [{"key": "a", "value": "b"}]}}).encode()
        if path == f"{self.prefix}{FILES}":
            return json.dumps({"files": self.listed(parse_qs(parts.query)["path"][0])}).encode()
        return (self.root / path.removeprefix(f"{self.prefix}{FILES}/")).read_bytes()

    def listed(self, path: str) -> list[dict[str, Any]]:
        if self.listing is not None:
            return self.listing
        found = sorted((self.root / path).iterdir())
        return [{"path": each.name, "is_dir": each.is_dir(), "file_size": 1} for each in found]


@pytest.fixture
def artifacts(tmp_path: Path) -> Iterator[Artifacts]:
    scripted = Artifacts(tmp_path / "server")
    model = scripted.root / "1" / "models" / "m-1" / "artifacts"
    (model / "code" / "fleet").mkdir(parents=True)
    (model / "code" / "fleet" / "names.py").write_text("")
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "artifacts").mkdir()
    small_fleet(model / "artifacts" / "fleet", 3)
    (model / "artifacts" / "fleet" / "below it").mkdir()
    (model / "artifacts" / "fleet" / "below it" / "a file & more").write_text("x")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scripted.asked.append((self.path, self.headers.get("Authorization", "")))
            body = scripted.answer(self.path) if scripted.status == 200 else b"{}"
            is_file = urlsplit(self.path).path.startswith(f"{scripted.prefix}{FILES}/")
            self.send_response(scripted.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: -scripted.cut] if is_file and scripted.cut else body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, daemon=True)
        thread.start()
        scripted.url = f"http://127.0.0.1:{http.server_address[1]}"
        yield scripted
        http.shutdown()
        thread.join(10)


def brought(artifacts: Artifacts, folder: Path, environ: dict[str, str] | None = None) -> Path | None:
    """Where the fleet is in a new cache; None where nothing was brought."""
    cache = FleetCache(folder / "cache")
    environ = {"MLFLOW_TRACKING_URI": artifacts.url + artifacts.prefix, **(environ or {})}
    try:
        bring_fleet(FLEET, cache, environ, 20)
    finally:
        left = [path for path in folder.rglob("*") if path.name.startswith(".fetch-")]
        outside = {path.name for path in folder.iterdir()} - {"cache", "server"}
        assert (left, outside) == ([], set())
    place = cache.place_of(*FLEET)
    return place if place.exists() else None


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("prefix", ["", "/below"])
def test_a_fleet_is_brought_byte_for_byte_and_nothing_else_of_its_version(
    artifacts: Artifacts, tmp_path: Path, prefix: str
) -> None:
    artifacts.prefix = prefix
    place = brought(artifacts, tmp_path)

    assert place is not None
    assert contents(place) == contents(artifacts.root / "1/models/m-1/artifacts/artifacts/fleet")
    assert not any("MLmodel" in target for target, _ in artifacts.asked)


def test_a_server_may_name_its_artifacts_by_its_own_address(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.uri = f"{artifacts.url}{FILES}/1/models/m-1/artifacts"
    assert brought(artifacts, tmp_path) is not None


def test_what_is_in_the_cache_is_not_asked_for(artifacts: Artifacts, tmp_path: Path) -> None:
    brought(artifacts, tmp_path)
    artifacts.asked.clear()
    assert brought(artifacts, tmp_path) is not None
    assert artifacts.asked == []


def test_credentials_are_sent_with_every_question(artifacts: Artifacts, tmp_path: Path) -> None:
    brought(artifacts, tmp_path, {"MLFLOW_TRACKING_TOKEN": "t0ken"})
    assert {authorization for _, authorization in artifacts.asked} == {"Bearer t0ken"}


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/1/models/m-1/artifacts",
        "file:///srv/models/m-1/artifacts",
        "/srv/models/m-1/artifacts",
        "mlflow-artifacts://elsewhere:5000/1/models/m-1/artifacts",
        "http://127.0.0.1:9/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts",
        "mlflow-artifacts:/",
        "mlflow-artifacts:/1/models/m%2D1/artifacts",
        "models:/m-1",
        "",
    ],
)
def test_what_the_server_does_not_hand_out_is_left_to_the_client(
    artifacts: Artifacts, tmp_path: Path, uri: str
) -> None:
    artifacts.uri = uri
    assert brought(artifacts, tmp_path) is None
    assert len(artifacts.asked) == 1


@pytest.mark.parametrize("name", ["..", ".", "", "../../x", "/etc/x", "a/b", "a\\b", "a\0b", 7, None])
def test_a_name_that_leads_elsewhere_is_not_followed(artifacts: Artifacts, tmp_path: Path, name: Any) -> None:  # noqa: ANN401
    artifacts.listing = [{"path": "fleet.json", "is_dir": False}, {"path": name, "is_dir": False}]
    assert brought(artifacts, tmp_path) is None


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
def test_an_answer_that_is_not_understood_is_left_to_the_client(
    artifacts: Artifacts, tmp_path: Path, status: int
) -> None:
    artifacts.status = status
    assert brought(artifacts, tmp_path) is None


def test_a_listing_without_an_end_is_left_to_the_client(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.listing = [{"path": "again", "is_dir": True}]
    assert brought(artifacts, tmp_path) is None


def test_a_server_that_fails_is_told(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.status = 503
    with pytest.raises(FleetUnavailableError, match="status 503"):
        brought(artifacts, tmp_path)


def test_a_download_that_breaks_off_is_told_and_leaves_nothing(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.cut = 1
    with pytest.raises(
        FleetUnavailableError, match=r"mlflow-artifacts/artifacts/1/models/m-1/.* failed: .*the answer is incomplete"
    ):
        brought(artifacts, tmp_path)


def test_a_version_without_a_fleet_is_told(artifacts: Artifacts, tmp_path: Path) -> None:
    (artifacts.root / "1/models/m-1/artifacts/artifacts/fleet/fleet.json").unlink()
    with pytest.raises(FleetUnavailableError, match=r"models:/storecast-fleet/7: wanted a folder with fleet\.json"):
        brought(artifacts, tmp_path)


def test_a_torn_folder_in_the_cache_gives_way(artifacts: Artifacts, tmp_path: Path) -> None:
    torn = FleetCache(tmp_path / "cache").place_of(*FLEET)
    torn.mkdir(parents=True)
    (torn / "beta.npy").write_bytes(b"torn")
    place = brought(artifacts, tmp_path)

    assert place == torn
    assert (torn / "fleet.json").is_file()
    assert (torn / "beta.npy").read_bytes() != b"torn"


def test_the_file_of_an_own_model_and_its_tags_are_read(artifacts: Artifacts, tmp_path: Path) -> None:
    (artifacts.root / "1/models/m-1/artifacts/model.pr").write_text("{}")
    server = Server.of({"MLFLOW_TRACKING_URI": artifacts.url}, 20)
    assert server is not None
    folder = download(server, FLEET, "model.pr", tmp_path)

    assert folder is not None
    assert (folder / "model.pr").read_text() == "{}"
    assert tags_of(server, FLEET) == {"a": "b"}
