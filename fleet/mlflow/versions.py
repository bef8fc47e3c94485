"""The fleet inside a registered version, and the registered models of stores: found in one way by whoever asks.

MLflow is imported when something is downloaded: who serves must not load it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.errors import NameSyntaxError
from fleet.names import STORES_A_PAGE, STORES_FILTER, store_id_of
from fleet.storage import MANIFEST

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel


def download_version(uri: str, into: Path | None = None) -> Path:
    """The files of a version (`models:/...`) in a folder: a new one in `into`, or else one that MLflow chooses.

    Raises: what MLflow raises.
    """
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - see above

    return Path(download_artifacts(artifact_uri=uri, dst_path=str(into) if into else None))


def fleet_inside(folder: Path) -> Path | None:
    """The fleet directory in the files of a version: the one nearest to their root; None where there is none."""
    found = sorted(folder.rglob(MANIFEST), key=lambda path: len(path.parts))
    return found[0].parent if found else None


def models_of_stores(client: "MlflowClient") -> "Iterator[RegisteredModel]":
    """The registered models whose names are those of stores, with their aliases.

    Raises: what MLflow raises.
    """
    token = None
    while True:
        page = client.search_registered_models(STORES_FILTER, max_results=STORES_A_PAGE, page_token=token)
        for model in page:
            try:
                store_id_of(model.name)
            except NameSyntaxError:
                continue  # no store's, and never served
            yield model
        token = page.token
        if not token:
            return
