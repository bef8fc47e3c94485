"""A registered fleet for a process that has MLflow's client; a worker has none, and asks through `FleetSource`."""

import time
from pathlib import Path
from typing import Any

from fleet import Fleet
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.store_models import NO_STORE_MODELS, StoreModels
from model_wrapper.registry.cache import FleetCache
from model_wrapper.registry.fetch_stores import fetch_stores
from model_wrapper.settings import Settings


def with_store_models(
    fleet: Fleet,
    version: str,
    client: Any,  # noqa: ANN401 - an MlflowClient
    cache_dir: Path,
    uri: str,
    settings: Settings,
) -> ServedFleet:
    """Serve a registered fleet with the stores' own registered models, as a graph would.

    Args: client: of the registry at `uri`.  cache_dir: the folder that keeps downloaded models.
    """
    own = NO_STORE_MODELS
    if settings.store_models > 0:
        cache = FleetCache.of(cache_dir, {"MLFLOW_TRACKING_URI": uri})
        stores = fetch_stores(client, cache, time.monotonic() + settings.fetch_timeout_s)
        own = StoreModels(fleet, stores, settings.store_models)
    return ServedFleet(fleet, version, settings.max_days_ahead, own=own)
