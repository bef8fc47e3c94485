"""Runs, versions and aliases in MLflow: what `training.registry.base` promises, by MLflow's client."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from alembic.util.exc import CommandError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from sqlalchemy.exc import SQLAlchemyError

import fleet
from fleet import Fleet, FleetContents, FleetFormatError
from fleet.mlflow import local_registry
from fleet.mlflow.versions import download_version, fleet_inside, models_of_stores
from fleet.names import (
    CHAMPION,
    EXPERIMENT,
    FLEET_ARTIFACT,
    FLEET_FILTER,
    FLEET_MODEL,
    TRANSFORM_TAG,
    alias_uri,
    store_model_name,
    version_uri,
)
from fleet.prophet.convert import to_prophet
from fleet.storage import MANIFEST
from training.errors import RegistryError
from training.registry.aliases import Move
from training.registry.base import TRAIN_FIRST
from training.registry.tracking_uri import public_uri, userinfo

FLEET_PACKAGE = Path(fleet.__file__).parent
MODEL_SCRIPT = FLEET_PACKAGE / "mlflow" / "pyfunc_model.py"

_SIGNATURE = ModelSignature(
    # As notebooks have them: ids that pandas read as numbers, days as text or as Timestamps, or not at all.
    inputs=Schema(
        [
            ColSpec(mlflow.types.schema.AnyType(), name, required=name == "store_id")  # type: ignore[no-untyped-call]
            for name in ("store_id", "begin_date", "end_date")
        ]
    ),
    params=ParamSchema([ParamSpec("level", DataType.double, 0.8)]),
)


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
def connected(uri: str, home: Path, *, reading: bool = False) -> Iterator[MlflowClient]:
    """A client of that tracking server; MLflow's errors become ours.

    Args:   reading: make nothing there; else the experiment is there afterwards.

    Raises: RegistryError: it cannot be reached or refuses.
    """
    _hush()
    home.mkdir(parents=True, exist_ok=True)
    try:
        mlflow.set_tracking_uri(uri)
        with local_registry.opening(uri):
            client = MlflowClient(uri)
            if not reading:
                _make_experiment(client, uri)
        yield client
    # MLflow lets through what its database says while it opens it.
    except (MlflowException, OSError, CommandError, SQLAlchemyError) as error:
        # The cause is told in words, without the password that its text and its traceback may hold.
        told = str(error).replace(uri, public_uri(uri)).replace(userinfo(uri), "")
        advice = TRAIN_FIRST if _is_missing(error) else "is it reachable?"
        raise RegistryError(f"MLflow at {public_uri(uri)} failed: {told}; {advice}") from None


def _is_missing(error: Exception) -> bool:
    return isinstance(error, MlflowException) and error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)


def _make_experiment(client: MlflowClient, uri: str) -> None:
    if client.get_experiment_by_name(EXPERIMENT) is None:
        _unless_there(client.create_experiment, EXPERIMENT, local_registry.artifacts_of(uri))
    mlflow.set_experiment(EXPERIMENT)


def _unless_there(make: Callable[..., object], *named: object) -> None:
    """Make what another process may make at the same time."""
    try:
        make(*named)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


class MlflowConnection:
    """See `training.registry.base.Connection`; by a client that is `connected`."""

    def __init__(self, client: MlflowClient) -> None:
        self.client = client

    def champion(self) -> str | None:
        """See `Connection`."""
        models = self.client.search_registered_models(FLEET_FILTER)
        return next((str(model.aliases[CHAMPION]) for model in models if CHAMPION in model.aliases), None)

    def aliases(self) -> dict[str, str]:
        """See `Connection`."""
        return _as_text(self.client.get_registered_model(FLEET_MODEL).aliases)

    def move(self, move: Move) -> None:
        """See `Connection`."""
        if move.new is None:
            self.client.delete_registered_model_alias(move.model, move.alias)
        else:
            self.client.set_registered_model_alias(move.model, move.alias, move.new)

    def versions(self) -> list[int]:
        """See `Connection`."""
        return sorted(int(made.version) for made in self.client.search_model_versions(FLEET_FILTER))

    def has_version(self, model: str, version: str) -> bool:
        """See `Connection`."""
        try:
            self.client.get_model_version(model, version)
        except MlflowException as error:
            if not _is_missing(error):
                raise
            return False
        return True

    def tags(self, version: str) -> Mapping[str, str]:
        """See `Connection`."""
        tags: dict[str, str] = self.client.get_model_version(FLEET_MODEL, version).tags
        return tags

    def set_tag(self, version: str, name: str, text: str) -> None:
        """See `Connection`."""
        self.client.set_model_version_tag(FLEET_MODEL, version, name, text)

    def metrics(self, version: str) -> Mapping[str, float]:
        """See `Connection`."""
        run_id = self.client.get_model_version(FLEET_MODEL, version).run_id
        metrics: dict[str, float] = self.client.get_run(run_id).data.metrics if run_id else {}
        return metrics

    def fetch_fleet(self, version: str) -> Fleet:
        """See `Connection`; it stays usable when the files are gone."""
        with tempfile.TemporaryDirectory() as folder:
            return _open(version_uri(FLEET_MODEL, version), Path(folder), verify=True)

    def open_fleet(self, alias: str) -> tuple[Fleet, str]:
        """See `Connection`."""
        version = self.client.get_model_version_by_alias(FLEET_MODEL, alias).version
        return _open(alias_uri(FLEET_MODEL, alias)), str(version)

    def store_models(self) -> Iterator[tuple[str, dict[str, str]]]:
        """See `Connection`."""
        return ((model.name, _as_text(model.aliases)) for model in models_of_stores(self.client))

    @contextmanager
    def run(
        self,
        contents: FleetContents,
        *,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        plots: Path | None,
    ) -> Iterator["MlflowRun"]:
        """See `Connection`."""
        with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
            opened, info = _log(Path(folder), contents, parameters, metrics, plots)
            yield MlflowRun(self.client, run.info.run_id, opened, info)


@dataclass(frozen=True)
class MlflowRun:
    """See `training.registry.base.LoggedRun`. `model`: the fleet, as logged."""

    client: MlflowClient
    run_id: str
    fleet: Fleet
    model: ModelInfo

    def register_fleet(self, tags: Mapping[str, str]) -> str:
        """See `LoggedRun`."""
        return _new_version(self.client, FLEET_MODEL, self.model, self.run_id, tags)

    def register_store(self, store_id: str, sales: pd.DataFrame) -> str:
        """See `LoggedRun`; under the book's name, with its whole history to plot."""
        info = mlflow.prophet.log_model(
            to_prophet(self.fleet, store_id, sales),
            name="model",
            pip_requirements=[f"prophet=={version('prophet')}"],
        )
        tags = {TRANSFORM_TAG: self.fleet.design.transform}
        return _new_version(self.client, store_model_name(store_id), info, self.run_id, tags)


def _as_text(aliases: Mapping[str, object]) -> dict[str, str]:
    return {alias: str(version) for alias, version in aliases.items()}


def _open(uri: str, into: Path | None = None, *, verify: bool = False) -> Fleet:
    path = fleet_inside(download_version(uri, into))
    if path is None:
        raise FleetFormatError(f"{uri}: wanted a folder with {MANIFEST}, found none")
    return Fleet.open(path, verify=verify)


def _log(
    folder: Path,
    contents: FleetContents,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    plots: Path | None,
) -> tuple[Fleet, ModelInfo]:
    """Put all that a run has into MLflow; the fleet is written into `folder` before."""
    path = folder / FLEET_ARTIFACT
    contents.write(path)
    opened = Fleet.open(path)
    mlflow.log_params(dict(parameters))
    _log_files(opened, folder / "stores.csv", plots)
    info = _log_model(path)
    # After the model, which else asks the server for each of them anew, to have them on its page.
    mlflow.log_metrics(dict(metrics), model_id=info.model_id)
    return opened, info


def _log_files(opened: Fleet, table: Path, plots: Path | None) -> None:
    """What people look at on the run's page: the stores' table, and the pictures in a folder."""
    store_table(opened).to_csv(table, index=False)
    mlflow.log_artifact(str(table))
    if plots is not None:
        mlflow.log_artifacts(str(plots), "plots")


def _log_model(path: Path) -> ModelInfo:
    """A fleet directory as a model that `mlflow.pyfunc` loads, with the code that it needs."""
    info: ModelInfo = mlflow.pyfunc.log_model(
        name=FLEET_ARTIFACT,
        python_model=str(MODEL_SCRIPT),
        artifacts={FLEET_ARTIFACT: str(path)},
        code_paths=[str(FLEET_PACKAGE)],
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas")],
        signature=_SIGNATURE,
    )
    return info


def _new_version(client: MlflowClient, name: str, info: ModelInfo, run_id: str, tags: Mapping[str, str]) -> str:
    """Register a logged model under a name that may be new; returns its version."""
    _unless_there(client.create_registered_model, name)
    made = client.create_model_version(name, info.model_uri, run_id, tags=dict(tags), model_id=info.model_id)
    return str(made.version)


def store_table(opened: Fleet) -> pd.DataFrame:
    """One row a store: its training window, scores against the baseline, and why it has no model."""
    facts = pd.DataFrame({name: opened.facts[name] for name in opened.facts.dtype.names or ()})
    for name in facts.columns:
        if opened.facts.dtype[name].kind == "S":
            facts[name] = facts[name].str.decode("utf-8")
    for name in ("trained_from", "trained_through"):
        days = opened.facts[name].astype("datetime64[D]")
        facts[name] = np.where(opened.facts["n_days"] > 0, days.astype(str), "")
    facts.insert(0, "store_id", opened.store_ids)
    facts.insert(1, "source", np.where(opened.has_model, "fleet", "fallback"))
    return facts
