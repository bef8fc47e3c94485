"""The images of the Dockerfile, built and run for real: what a node of the graph and a training step start from."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import images
from support.fleets import small_fleet
from support.images import Container
from support.processes import ROOT

from fleet import Fleet

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

USER_ID = 8888
DATES = ["2015-06-20", "2015-06-21", "2015-06-22"]
TRAINING_ONLY = ["prophet", "pandas", "pyarrow", "scipy", "sklearn", "matplotlib", "sqlalchemy", "ray", "aiohttp"]
# In the folders that our steps may write to; the base image has wheels of its own elsewhere.
FIND_LEFT_OVER = "find /root /tmp /opt /app -name '*.whl' -o -name .cache -o -name lock.txt -o -name pip"
BY_ARGUMENT = (["model_wrapper.StoreForecaster"], dict[str, str]())
BY_VARIABLE = (list[str](), {"MODEL_NAME": "StoreForecaster"})


@pytest.fixture(scope="module")
def build() -> Callable[..., str]:
    reason = images.missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return images.build


@pytest.fixture(scope="module")
def serving_image(build: Callable[..., str]) -> str:
    return build("serving", VERSION="1.2.3", REVISION="abc", CREATED="2026-01-02T03:04:05Z")


@pytest.fixture
def serving(serving_image: str) -> Iterator[Container]:
    with images.container(serving_image) as container:
        yield container


@pytest.fixture(scope="module")
def fleet_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("image") / "fleet")


@pytest.mark.parametrize(("arguments", "environ"), [BY_ARGUMENT, BY_VARIABLE], ids=["argument", "MODEL_NAME"])
def test_the_serving_image_answers_what_the_fleet_forecasts(
    serving: Container, fleet_path: Path, tmp_path: Path, arguments: list[str], environ: dict[str, str]
) -> None:
    asked = {"storeId": "1", "beginDate": DATES[0], "endDate": DATES[-1], "level": 0.8}
    with serving.serve(arguments, environ, fleet_path, tmp_path / "log") as running:
        reply = running.post("/predict", {"jsonData": asked})

    expected = Fleet.open(fleet_path).predict(["1"], DATES, 0.8)
    answer = reply.json()["jsonData"][0]["forecast"]
    assert reply.status == 200
    assert [day["timestamp"] for day in answer] == DATES
    for name in ("value", "lower", "upper"):
        assert [day[name] for day in answer] == pytest.approx(getattr(expected, name)[0].tolist(), rel=1e-12)


def test_a_component_runs_as_the_user_of_the_operator_and_ends_by_sigterm(
    serving: Container, fleet_path: Path, tmp_path: Path
) -> None:
    with serving.serve(*BY_ARGUMENT, fleet_path, tmp_path / "log") as running:
        user_id = running.user_id()
        exit_code = running.stop()

    assert user_id == USER_ID
    assert exit_code == 0


def test_a_component_writes_nothing_outside_tmp(serving: Container, fleet_path: Path, tmp_path: Path) -> None:
    """The pod's root filesystem is read-only; only /tmp is a volume."""
    before = serving.files_of(USER_ID)
    with serving.serve(*BY_ARGUMENT, fleet_path, tmp_path / "log") as running:
        running.post("/predict", {"jsonData": {"storeId": "*"}})
        running.stop()
    written = [path for path in serving.files_of(USER_ID) if not path.startswith("/tmp/")]  # noqa: S108 - in the container

    assert before == []
    assert written == []


def test_the_serving_image_holds_what_serving_needs_and_no_more(serving: Container) -> None:
    probe = "import importlib.util, sys; print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])"
    importable = serving.run("python", "-c", probe, "pip", "training", "graph", "storecast", *TRAINING_ONLY, "mlflow")
    rooms = serving.run("ls", "-A", "/app").split()
    left_over = serving.run("sh", "-c", FIND_LEFT_OVER, user="0")

    assert importable.split() == ["mlflow"]
    assert rooms == ["fleet", "model_wrapper"]
    assert left_over == ""


def test_every_module_of_the_serving_image_is_compiled_whatever_its_file_times(serving: Container) -> None:
    """A read-only container that finds stale byte code compiles at every start."""
    # The second word of a compiled file: 1 says that it is never compared with its source.
    script = (
        "import importlib.util as u, pathlib as p\n"
        "for folder in ('/app', '/opt/venv/lib'):\n"
        "    compiled = [p.Path(u.cache_from_source(source)) for source in p.Path(folder).rglob('*.py')]\n"
        "    print(len(compiled) > 20, {file.read_bytes()[4] for file in compiled})\n"
    )

    assert serving.run("python", "-c", script).splitlines() == ["True {1}", "True {1}"]


def test_the_labels_and_the_user_say_what_was_built(serving: Container) -> None:
    labels = {name.rpartition(".")[2]: value for name, value in serving.config["Labels"].items()}

    assert serving.config["User"] == str(USER_ID)
    assert sorted(serving.config["ExposedPorts"]) == ["6000/tcp", "9000/tcp"]
    assert (labels["version"], labels["revision"]) == ("1.2.3", "abc")
    assert labels["created"] == "2026-01-02T03:04:05Z"


def test_the_training_image_is_the_command(build: Callable[..., str]) -> None:
    with images.container(build("training")) as container:
        shown = container.run_entrypoint()
        user_id = container.run("id", "-u")
        fitting = container.run("python", "-c", "import prophet, mlflow, pyarrow, training.run; print('ready')")

    assert "usage: storecast" in shown
    assert user_id.strip() == str(USER_ID)
    assert fitting.splitlines()[-1] == "ready"


def test_the_training_image_has_the_machine_code_of_the_fit_where_its_user_may_use_it(
    build: Callable[..., str],
) -> None:
    script = (
        "import os; from training.engines.machine_code import is_kept; "
        "from training.engines.solver import solve_group; "
        "folder = solve_group.stats.cache_path; print(is_kept(os.environ), folder.startswith('/opt/numba'))"
    )
    with images.container(build("training")) as container:
        assert container.run("python", "-c", script).splitlines()[-1] == "True True"


def test_the_dockerfile_speaks_the_language_of_every_builder() -> None:
    """buildah forgives what Kaniko does not know."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if "--mount" in line or "<<" in line or "--chmod" in line] == []
    assert [line for line in lines if line.startswith(("ADD", "FROM", "ARG")) and "latest" in line] == []
