"""Whole trainings that cost a fraction of a second: four stores, two folds, a registry in memory, no pictures."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support.training import chains

from fleet import Design
from training.engines.batched import BatchedEngine
from training.engines.engine import Engine, Fits, FitSpec, Priors, without
from training.history.history import History
from training.options import Quiet, Reporter, TrainingOptions
from training.pooling.variants import Variant
from training.registry.base import Registry
from training.registry.memory import MemoryRegistry
from training.run import train

BLUNT = Variant("blunt", Priors(seasonality=0.007, regressor=0.007))
"""A recipe that is 2 % worse than the usual one, and most of whose models still beat the baseline."""


@dataclass(frozen=True)
class OtherEngine:
    """The batched engine under another name. `failing`: rows whose fit fails."""

    failing: tuple[int, ...] = ()
    name: str = "other"

    def fit(self, history: History, design: Design, specs: Sequence[FitSpec]) -> list[Fits]:
        reasons = dict.fromkeys(self.failing, "scripted fault")
        return [without(fits, reasons) for fits in BatchedEngine().fit(history, design, specs)]


@dataclass(frozen=True)
class TinyTrainings:
    """Trainings of one chain into one registry."""

    options: TrainingOptions
    registry: Registry

    def train(
        self,
        engine: Engine | None = None,
        reporter: Reporter | None = None,
        registry: Registry | None = None,
        **changes: Any,  # noqa: ANN401 - any option
    ) -> dict[str, Any]:
        """The result of a training with some options changed, as it is printed."""
        options = dataclasses.replace(self.options, **changes)
        # Pictures take longer than all the rest.
        with patch("training.backtest.plots.plot"):
            result = train(options, engine or BatchedEngine(), reporter or Quiet(), registry or self.registry)
        return result.to_plain()

    def registered(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
        """Where a training went."""
        registered = self.train(**changes)["registered"]
        assert isinstance(registered, dict)
        return registered


def tiny_trainings(folder: Path) -> TinyTrainings:
    paths = chains.files(folder / "chain", n_stores=4, n_days=200)
    tables = (paths["train"], paths["store"], paths["calendar"], folder / "home")
    return TinyTrainings(TrainingOptions(*tables, "", test_days=14, n_folds=2), MemoryRegistry())
