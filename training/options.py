"""What a training run is told, and whom it tells how it goes."""

import csv
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from fleet.design import Growth, Transform
from training.champion.fleet_gate import MARGIN
from training.checks.returns import Negatives
from training.pooling import collect
from training.pooling.variants import VARIANTS, Variant
from training.registry.mlflow_registry import MlflowRegistry
from training.sources.mapping import ROSSMANN, Mapped
from training.workers.runners import InProcess, Runner

HORIZON_DAYS = 42
"""Days ahead that a chain plans for, where no backtest says how many."""

Refit = Literal["changed", "all"]


@dataclass(frozen=True)
class TrainingOptions:
    """What to train on and how. `test_days`: horizon of the backtest, 0 for none; `n_folds`: its cutoffs.

    `data`: a table, or a folder that `storecast partition` wrote.  `max_failed_share`: share of stores whose fit may
    fail; over it nothing is registered.  `negatives`: what days with negative sales are taken for.  `gate_margin`:
    share of the champion's WAPE that the new fleet may be worse by, None for no gate.  `refit`: `changed` keeps the
    champion's parameters of stores that are known as they were.  `dry_run`: register nothing; the champion is read.
    `runner`: where partitions are worked on.
    """

    data: Path
    stores: Path | None
    calendar: Path | None
    home: Path
    tracking_uri: str
    mapped: Mapped = ROSSMANN
    test_days: int = HORIZON_DAYS
    n_folds: int = 3
    variants: tuple[Variant, ...] = VARIANTS
    growth: Growth = "linear"
    transform: Transform = "log1p"
    register_stores: tuple[str, ...] = ()
    max_failed_share: float = 0.1
    negatives: Negatives = "refuse"
    gate_margin: float | None = MARGIN
    refit: Refit = "changed"
    dry_run: bool = False
    runner: Runner = field(default_factory=InProcess)

    def registry(self) -> MlflowRegistry:
        """The registry that the tracking URI names."""
        return MlflowRegistry(self.tracking_uri, self.home)

    def settings(self) -> dict[str, Any]:
        """What, beside the engine and the design, decides a store's parameters."""
        return {
            "variants": [asdict(variant) for variant in self.variants],
            "test_days": self.test_days,
            "n_folds": self.n_folds,
            "borrowing": collect.SETTINGS,
        }


def stores_named(values: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The ids that values of `--register-stores` name: one that is an id as it stands, or several in a row of CSV."""
    ids, named = set(known), dict[str, None]()
    for value in values:
        row = [value] if value in ids else next(csv.reader([value], skipinitialspace=True), [])
        named |= dict.fromkeys(word for word in map(str.strip, row) if word)
    return tuple(named)


class Reporter(Protocol):
    """Who is told how the run goes."""

    def stage(self, name: str, n_stores: int) -> None:
        """A stage begins; `n_stores` is 0 where it has no stores to count."""

    def advance(self, done: int, failed: int) -> None:
        """Stores done since the last call, and failed ones among them."""


class Quiet:
    """Tells nobody."""

    def stage(self, name: str, n_stores: int) -> None:
        """See `Reporter.stage`."""

    def advance(self, done: int, failed: int) -> None:
        """See `Reporter.advance`."""


class Stages:
    """Seconds of each stage, told to the reporter as they begin."""

    def __init__(self, reporter: Reporter) -> None:
        self.seconds: dict[str, float] = {}
        self.reporter = reporter

    @contextmanager
    def of(self, name: str, n_stores: int = 0) -> Iterator[None]:
        """Time what runs inside."""
        self.reporter.stage(name, n_stores)
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)
