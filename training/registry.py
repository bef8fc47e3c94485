"""One MLflow run a training, one registered version a fleet, one alias that says which is served."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

import fleet
from fleet import Fleet, FleetContents, FleetFormatError
from fleet.names import CHAMPION, EXPERIMENT, FLEET_ARTIFACT, FLEET_MODEL, alias_uri, store_model_name, version_uri
from fleet.prophet_io import to_prophet
from training import aliases
from training.errors import RegistryError
from training.history import History

MODEL_SCRIPT = Path(fleet.__file__).with_name("pyfunc_model.py")
TRANSFORM_TAG = "storecast.transform"
SQLITE = "sqlite:///"
TRAIN_FIRST = "train first, or name another registry with --home or MLFLOW_TRACKING_URI"
GATE_TAG = "storecast.gate"

_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(DataType.string, name) for name in ("store_id", "begin_date", "end_date")]),
    params=ParamSchema([ParamSpec("level", DataType.double, 0.8)]),
)


@dataclass(frozen=True)
class Registered:
    """Where a training went: the run, the fleet's version, the stores' own models (name -> version)."""

    run_id: str
    version: str
    alias: str
    store_models: Mapping[str, str]


@dataclass(frozen=True)
class Champion:
    """The version that is served; no fleet where this release cannot open it."""

    version: str
    fleet: Fleet | None


def tracking_uri(environ: Mapping[str, str], home: Path) -> str:
    """`MLFLOW_TRACKING_URI` where it is set, else SQLite in the home folder: no server needed."""
    return environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{home.absolute() / 'mlflow.db'}"


def public_uri(uri: str) -> str:
    """The URI without a user and password: what may be printed and logged."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def _userinfo(uri: str) -> str:
    """`user:password@` of a URI; a text that occurs nowhere, where it has none."""
    user, at, _ = urlsplit(uri).netloc.rpartition("@")
    return user + at if at else "\0"


def _hush() -> None:
    """MLflow talks of every step, on the terminal that shows our progress and into pipes."""
    for name in ("mlflow", "alembic", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="mlflow")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Standard output holds our one JSON result, nothing else.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # MLflow's own are seven retries of two minutes: nobody waits that long to hear that a server is not there.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


@contextmanager
def connected(uri: str, home: Path) -> Iterator[MlflowClient]:
    """A client of that tracking server, with the experiment there; MLflow's errors become ours.

    Raises: RegistryError: it cannot be reached or refuses.
    """
    _hush()
    home.mkdir(parents=True, exist_ok=True)
    try:
        mlflow.set_tracking_uri(uri)
        client = MlflowClient(uri)
        if client.get_experiment_by_name(EXPERIMENT) is None:
            local = uri.startswith(SQLITE)
            client.create_experiment(EXPERIMENT, str(home.absolute() / "artifacts") if local else None)
        mlflow.set_experiment(EXPERIMENT)
        yield client
    except (MlflowException, OSError) as error:
        # The cause is told in words, without the password that its text and its traceback may hold.
        told = str(error).replace(uri, public_uri(uri)).replace(_userinfo(uri), "")
        missing = isinstance(error, MlflowException) and error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
        advice = TRAIN_FIRST if missing else "is it reachable?"
        raise RegistryError(f"MLflow at {public_uri(uri)} did not do as asked: {told}; {advice}") from None


def register(
    uri: str,
    home: Path,
    contents: FleetContents,
    history: History,
    *,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    store_ids: Sequence[str] = (),
    alias: str = CHAMPION,
    gate: str = "",
    plots: Path | None = None,
) -> Registered:
    """Log one run, register its fleet as a new version, and move the alias to it; an old champion becomes `previous`.

    Args:   store_ids: stores to register as stock Prophet models of their own, too.  alias: `champion` or
            `challenger`.  gate: why it is that, for the version's tags.  plots: folder of pictures
            for the run's page.
    Raises: RegistryError.  FleetFormatError: the fleet cannot be written.
    """
    with connected(uri, home) as client, mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FLEET_ARTIFACT
        contents.write(path)
        opened = Fleet.open(path)
        mlflow.log_params(dict(parameters))
        mlflow.log_metrics(dict(metrics))
        _log_table(opened, Path(folder) / "stores.csv")
        if plots is not None:
            mlflow.log_artifacts(str(plots), "plots")
        info = _log_model(path)
        new = _new_version(client, FLEET_MODEL, info, run.info.run_id)
        client.set_model_version_tag(FLEET_MODEL, new, GATE_TAG, gate)
        move = aliases.to_champion if alias == CHAMPION else aliases.to_challenger
        aliases.apply(client, move(aliases.aliases_of(client), new))
        stores = {
            name: made
            for store_id in store_ids
            for name, made in [_register_store(client, run.info.run_id, opened, history, store_id, alias)]
        }
        return Registered(run.info.run_id, new, alias, stores)


def _log_table(opened: Fleet, path: Path) -> None:
    store_table(opened).to_csv(path, index=False)
    mlflow.log_artifact(str(path))


def _log_model(path: Path) -> ModelInfo:
    """A fleet directory as a model that `mlflow.pyfunc` loads, with the code that it needs."""
    info: ModelInfo = mlflow.pyfunc.log_model(
        name=FLEET_ARTIFACT,
        python_model=str(MODEL_SCRIPT),
        artifacts={FLEET_ARTIFACT: str(path)},
        code_paths=[str(MODEL_SCRIPT.parent)],
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas")],
        signature=_SIGNATURE,
    )
    return info


def _new_version(client: MlflowClient, name: str, info: ModelInfo, run_id: str) -> str:
    """Register a logged model under a name that may be new; returns its version."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    made = client.create_model_version(name, info.model_uri, run_id, model_id=info.model_id)
    return str(made.version)


def _register_store(
    client: MlflowClient, run_id: str, opened: Fleet, history: History, store_id: str, alias: str
) -> tuple[str, str]:
    """One store as a stock Prophet model under the book's name, with its whole history to plot."""
    row = opened.position(store_id)
    on = history.fitted_days()[row]
    days = history.days[on].astype("datetime64[D]").astype("datetime64[ns]")
    frame = pd.DataFrame({"ds": days, "y": history.sales[row, on]})
    name = store_model_name(store_id)
    info = mlflow.prophet.log_model(
        to_prophet(opened, store_id, frame),
        name="model",
        pip_requirements=[f"prophet=={version('prophet')}"],
    )
    made = _new_version(client, name, info, run_id)
    client.set_model_version_tag(name, made, TRANSFORM_TAG, opened.design.transform)
    client.set_registered_model_alias(name, alias, made)
    return name, made


def store_table(opened: Fleet) -> pd.DataFrame:
    """One row a store: its training window, scores against the baseline, and why it has no model."""
    facts = pd.DataFrame({name: opened.facts[name] for name in opened.facts.dtype.names or ()})
    for name in ("group", "data_hash", "failure"):
        facts[name] = facts[name].str.decode("utf-8")
    for name in ("trained_from", "trained_through"):
        days = opened.facts[name].astype("datetime64[D]")
        facts[name] = np.where(opened.facts["n_days"] > 0, days.astype(str), "")
    facts.insert(0, "store_id", opened.store_ids)
    facts.insert(1, "source", np.where(opened.has_model, "fleet", "fallback"))
    return facts


def load_fleet(uri: str, home: Path, alias: str = CHAMPION) -> tuple[Fleet, str]:
    """The fleet that an alias points to, and its version.

    Raises: RegistryError: no server, or nothing is registered under that alias yet.
    """
    database = uri.removeprefix(SQLITE)
    if database != uri and not Path(database).exists():
        raise RegistryError(f"there is no registry at {uri}: {TRAIN_FIRST}")
    with connected(uri, home) as client:
        found = client.get_model_version_by_alias(FLEET_MODEL, alias)
        folder = mlflow.artifacts.download_artifacts(alias_uri(FLEET_MODEL, alias))
        return Fleet.open(Path(folder) / "artifacts" / FLEET_ARTIFACT), str(found.version)


def fetch_fleet(version: str, folder: Path) -> Fleet:
    """One version of the fleet, read whole: it stays usable when `folder` is gone. Wants a `connected` registry.

    Raises: FleetFormatError: it is torn, or of a newer format.
    """
    path = mlflow.artifacts.download_artifacts(version_uri(FLEET_MODEL, version), dst_path=str(folder))
    return Fleet.open(Path(path) / "artifacts" / FLEET_ARTIFACT, verify=True)


def current_champion(uri: str, home: Path) -> Champion | None:
    """The champion, if there is one.

    Raises: RegistryError.
    """
    with connected(uri, home) as client, tempfile.TemporaryDirectory() as folder:
        named = [
            model for model in client.search_registered_models(f"name='{FLEET_MODEL}'") if CHAMPION in model.aliases
        ]
        if not named:
            return None
        found = str(named[0].aliases[CHAMPION])
        try:
            return Champion(found, fetch_fleet(found, Path(folder)))
        except FleetFormatError:
            return Champion(found, None)
