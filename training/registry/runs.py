"""One MLflow run a training, one registered version a fleet, one alias that says which is served."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from fleet.names import (
    CHALLENGER,
    CHAMPION,
    EXPERIMENT,
    FLEET_ARTIFACT,
    FLEET_MODEL,
    alias_uri,
    store_model_name,
    version_uri,
)
from fleet.prophet_io import to_prophet
from training.errors import AliasMovedError, RegistryError
from training.registry import aliases
from training.registry import store_models as own_models
from training.registry.store_models import OwnModel, Plan
from training.registry.tracking_uri import public_uri, userinfo

FLEET_PACKAGE = Path(fleet.__file__).parent
MODEL_SCRIPT = FLEET_PACKAGE / "mlflow" / "pyfunc_model.py"
TRANSFORM_TAG = "storecast.transform"
TRAIN_FIRST = "train first, or name another registry with --home or MLFLOW_TRACKING_URI"
GATE_TAG = "storecast.gate"
ANY_CHAMPION = "any"

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


@dataclass(frozen=True)
class Registered:
    """Where a training went: the run, the fleet's version, the stores' own models (name -> version).

    store_moves: how aliases of own models moved with the fleet's.  left_alone: those that somebody set by hand.
    """

    run_id: str
    version: str
    alias: str
    store_models: Mapping[str, str]
    store_moves: Sequence[aliases.Move]
    left_alone: Sequence[OwnModel]


@dataclass(frozen=True)
class Champion:
    """The version that is served; no fleet where this release cannot open it."""

    version: str
    fleet: Fleet | None


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
        missing = isinstance(error, MlflowException) and error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
        advice = TRAIN_FIRST if missing else "is it reachable?"
        raise RegistryError(f"MLflow at {public_uri(uri)} did not do as asked: {told}; {advice}") from None


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


def register(
    uri: str,
    home: Path,
    contents: FleetContents,
    *,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    own_sales: Mapping[str, pd.DataFrame] | None = None,
    alias: str = CHAMPION,
    gate: str = "",
    against: str | None = ANY_CHAMPION,
    plots: Path | None = None,
) -> Registered:
    """Log one run, register its fleet as a new version, and move the alias to it; an old champion becomes `previous`.

    The aliases of stores' own models move with it, as in a promotion.

    Args:   own_sales: stores to register as stock Prophet models, too, with the sales that they were fitted on
            (columns `ds`, `y`).  alias: `champion` or `challenger`.  gate: why it is that, for the version's tags.
            against: the version that the gate compared with, None where there was no champion.
            plots: folder of pictures for the run's page.
    Raises: AliasMovedError: another version is champion now; no alias has moved.  RegistryError.
            FleetFormatError: the fleet cannot be written.
    """
    with local_registry.switching(uri), connected(uri, home) as client:
        _check_champion(client, against)
        with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
            run_id = run.info.run_id
            opened, info = _log(Path(folder), contents, parameters, metrics, plots)
            # Before the fleet's version, which is born with the tag that says what it brings.
            sold = (own_sales or {}).items()
            stores = {store_id: _register_store(client, run_id, opened, sales, store_id) for store_id, sales in sold}
            tags = {GATE_TAG: gate, **own_models.tag_of(stores)}
            new = _new_version(client, FLEET_MODEL, info, run_id, tags)
            _check_champion(client, against, new)
            plan = _point(client, new, alias, brings=bool(stores))
            named = {store_model_name(store_id): made for store_id, made in stores.items()}
            return Registered(run_id, new, alias, named, plan.of_stores, plan.left_alone)


def _check_champion(client: MlflowClient, against: str | None, made: str | None = None) -> None:
    """Refuse to go on where the champion is not the one that the gate compared with; `made`: the version that waits.

    A local registry is locked meanwhile. On a server, another training may finish between the two looks.
    """
    if against == ANY_CHAMPION or (standing := _champion_version(client)) == against:
        return
    if made is not None:
        why = f"without an alias: it was judged against {against or 'no champion'}, and {standing} became champion"
        client.set_model_version_tag(FLEET_MODEL, made, GATE_TAG, why)
    raise AliasMovedError(
        f"wanted version {against or 'none'} of {FLEET_MODEL} as champion, which this fleet was judged against, it is "
        f"{standing or 'none'} now: train again"
    )


def _champion_version(client: MlflowClient) -> str | None:
    found = client.search_registered_models(f"name='{FLEET_MODEL}'")
    return next((str(model.aliases[CHAMPION]) for model in found if CHAMPION in model.aliases), None)


def _point(client: MlflowClient, version: str, alias: str, *, brings: bool) -> Plan:
    """Move an alias to a new version, and those of stores' own models with it; `brings`: the version brought some."""
    found = aliases.aliases_of(client)
    if alias != CHAMPION:
        plan = own_models.plan(client, found, aliases.to_challenger(found, version))
    elif not brings:
        plan = own_models.plan(client, found, aliases.to_champion(found, version))
    else:
        # Cut short among the stores, it is the challenger: the next promotion or training knows whose models they are.
        moves = aliases.to_champion({**found, CHALLENGER: version}, version)
        plan = own_models.plan(client, found, moves)
        ended = sum(move.alias == CHALLENGER for move in plan.of_stores)
        plan.moves.insert(ended, aliases.Move(CHALLENGER, found.get(CHALLENGER), version))
    aliases.apply(client, plan.moves)
    return plan


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


def _new_version(client: MlflowClient, name: str, info: ModelInfo, run_id: str, tags: dict[str, str]) -> str:
    """Register a logged model under a name that may be new; returns its version."""
    _unless_there(client.create_registered_model, name)
    made = client.create_model_version(name, info.model_uri, run_id, tags=tags, model_id=info.model_id)
    return str(made.version)


def _register_store(client: MlflowClient, run_id: str, opened: Fleet, sales: pd.DataFrame, store_id: str) -> str:
    """One store as a stock Prophet model under the book's name, with its whole history to plot; returns its version."""
    info = mlflow.prophet.log_model(
        to_prophet(opened, store_id, sales),
        name="model",
        pip_requirements=[f"prophet=={version('prophet')}"],
    )
    return _new_version(client, store_model_name(store_id), info, run_id, {TRANSFORM_TAG: opened.design.transform})


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


def load_fleet(uri: str, home: Path, alias: str = CHAMPION) -> tuple[Fleet, str]:
    """The fleet that an alias points to, and its version.

    Raises: RegistryError: no server, or nothing is registered under that alias yet.
    """
    check_there(uri)
    with connected(uri, home) as client:
        found = client.get_model_version_by_alias(FLEET_MODEL, alias)
        folder = mlflow.artifacts.download_artifacts(alias_uri(FLEET_MODEL, alias))
        return Fleet.open(Path(folder) / "artifacts" / FLEET_ARTIFACT), str(found.version)


def is_there(uri: str) -> bool:
    """Whether there is a registry to look into: one in a file is not made by who only looks."""
    database = local_registry.database_of(uri)
    return bool(uri) and (database is None or database.exists())


def check_there(uri: str) -> None:
    """See `is_there`.

    Raises: RegistryError: there is no such file.
    """
    if not is_there(uri):
        raise RegistryError(f"there is no registry at {uri}: {TRAIN_FIRST}")


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
    with connected(uri, home, reading=True) as client, tempfile.TemporaryDirectory() as folder:
        found = _champion_version(client)
        if found is None:
            return None
        try:
            return Champion(found, fetch_fleet(found, Path(folder)))
        except FleetFormatError:
            return Champion(found, None)
