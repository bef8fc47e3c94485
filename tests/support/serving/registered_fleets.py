"""Two small fleets in a real MLflow server, and the alias that tells which of them is served."""

from pathlib import Path

from mlflow import MlflowClient
from support.fleets import small_fleet

from fleet import Fleet
from fleet.names import CHAMPION, FLEET_MODEL

STORES = 10


class Registry:
    """An MLflow server with two fleets, which disagree about every number and about which stores have a model."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.client = MlflowClient(url)
        self.client.create_registered_model(FLEET_MODEL)
        self.fleets = {
            self.add(seed, without): Fleet.open(folder / str(seed)) for seed, without in ((1, [2, 7]), (2, [3]))
        }
        self.point(next(iter(self.fleets)))

    def add(self, seed: int, without_model: list[int]) -> str:
        """Register a fleet; returns its version."""
        path = small_fleet(self.folder / str(seed), STORES, seed=seed, without_model=without_model)
        run = self.client.create_run("0")
        self.client.log_artifacts(run.info.run_id, str(path), "model/artifacts/fleet")
        (self.folder / "MLmodel").write_text("flavors: {}\n")
        self.client.log_artifact(run.info.run_id, str(self.folder / "MLmodel"), "model")
        source = f"{run.info.artifact_uri}/model"
        return str(self.client.create_model_version(FLEET_MODEL, source, run.info.run_id).version)

    def point(self, version: str) -> None:
        """Make a version the champion."""
        self.client.set_registered_model_alias(FLEET_MODEL, CHAMPION, version)
