"""Brings stores' own Prophet models from the registry into the cache, converted so that serving needs no Prophet.

Runs in the fetching process. Only the JSON of MLflow's Prophet flavour is read, never a pickle.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fleet import StorecastError
from fleet.mlflow.versions import download_version, models_of_stores
from fleet.names import TRANSFORM_TAG, version_uri
from fleet.prophet.store_model import write_store_model
from model_wrapper.registry.cache import FLEET_FILE, CachedStore, FleetCache, refusal_of
from model_wrapper.registry.mlflow_rest import AskTheClientError, NamedModel, own_champion

PROPHET_FILE = "model.pr"
"""Of MLflow's Prophet flavour."""


class OwnFiles(NamedTuple):
    """What the registry has of a store's own model: a folder with its file below, None without, and its tags."""

    folder: Path | None
    tags: Mapping[str, str]


def fetch_stores(client: Any, cache: FleetCache, until: float) -> dict[str, CachedStore]:  # noqa: ANN401 - an MlflowClient
    """Bring every store's own champion into the cache; returns what the cache has of each.

    Args: until: `time.monotonic()` after which nothing more is downloaded; what is left comes the next time.
    """

    def read(model: NamedModel, folder: Path) -> OwnFiles:
        found = download_version(version_uri(model.name, model.version), folder)
        return OwnFiles(found, client.get_model_version(model.name, model.version).tags)

    return fetch_each(_champions(client), read, cache, until)


def fetch_each(
    champions: Iterable[tuple[str, NamedModel]],
    read: Callable[[NamedModel, Path], OwnFiles],
    cache: FleetCache,
    until: float,
) -> dict[str, CachedStore]:
    """Do as `fetch_stores`, for the champions of these stores.

    Args:   read: puts the files of a model into a folder.
    Raises: AskTheClientError: `read` does.
    """
    found = {}
    for store_id, model in champions:
        known = cache.store_of(*model)
        if known.path is None and not known.problem and time.monotonic() < until:
            known = _fetch(read, cache, model)
        found[store_id] = known
    return found


def _champions(client: Any) -> Iterator[tuple[str, NamedModel]]:  # noqa: ANN401 - as above
    for model in models_of_stores(client):
        found = own_champion(model.name, model.aliases, str(model.creation_timestamp))
        if found is not None:
            yield found


def _fetch(read: Callable[[NamedModel, Path], OwnFiles], cache: FleetCache, model: NamedModel) -> CachedStore:
    logging.getLogger("prophet").setLevel(logging.ERROR)
    place = cache.place_of(*model)
    try:
        with cache.incoming(place) as temporary:
            folder, tags = read(model, temporary)
            files = sorted(folder.rglob(PROPHET_FILE)) if folder is not None else []
            # A file that is no JSON is a torn download, not a bad model.
            said = json.loads(files[0].read_text()) if files else None
        _keep(cache, place, said, tags.get(TRANSFORM_TAG, "identity"))
        cache.forget_old(model.name)
    except AskTheClientError:
        raise
    except Exception as error:  # noqa: BLE001 - the registry's client raises anything; the next look tries again
        logging.getLogger(__name__).warning("%s: %s", model.name, error)
    return cache.store_of(*model)


def _keep(cache: FleetCache, place: Path, said: object, transform: str) -> None:
    if not (place / FLEET_FILE).is_file():
        cache.remove(place)  # torn
    try:
        _convert(said, place, transform)
    except (StorecastError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The same model would be refused again: nobody needs to download it another time.
        refusal_of(place).write_text(f"{type(error).__name__}: {error}")


def _convert(said: Any, place: Path, transform: str) -> None:  # noqa: ANN401 - what Prophet reads
    if said is None:
        raise StorecastError(f"wanted a model of MLflow's Prophet flavour with a {PROPHET_FILE}, found none")
    if transform not in ("identity", "log1p"):
        raise StorecastError(
            f"wanted identity or log1p in the tag {TRANSFORM_TAG}, got {transform!r}: register another version"
        )
    from prophet.serialize import model_from_json  # noqa: PLC0415 - 65 MB, only in this process

    write_store_model(place, model_from_json(said), "log1p" if transform == "log1p" else "identity")
