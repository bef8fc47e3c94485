"""What a training ends with: Python values, and the JSON that `storecast train` prints of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.backtest.scores import Scores
from training.champion.fleet_gate import Gate
from training.champion.store_gate import HeldBackStore
from training.checks.notices import Notice
from training.registry.aliases import Move
from training.registry.store_models import StoreModelVersion
from training.workers.diagnose import Failure

LEFT_OUT = ("backtest", "held_back", "registered", "would_register", "seconds", "seconds_of_workers")
"""Parts of a result that JSON has only where there are any."""


@dataclass(frozen=True)
class StoreCounts:
    """Stores of the index: all, those with a model, those with too few open days for one, those whose fit failed."""

    total: int
    fitted: int
    fallback_too_short: int
    failed: int


@dataclass(frozen=True)
class HistorySpan:
    """The days with rows of sales, and how many rows. JSON calls `first` `from`, which is a keyword in Python."""

    first: str
    through: str
    rows: int


@dataclass(frozen=True)
class RegisteredFleet:
    """Where the fleet went: the MLflow run, the version, its alias, and what the gate of the fleet said.

    `store_models`: the stores' own models, registered name -> version.  `store_moves`: how aliases of own models moved
    with the fleet's.  `left_alone`: those that somebody set by hand.
    """

    tracking_uri: str
    run_id: str
    version: str
    alias: str
    store_models: Mapping[str, str]
    store_moves: Sequence[Move]
    left_alone: Sequence[StoreModelVersion]
    gate: Gate


@dataclass(frozen=True)
class WouldRegister:
    """What would have been registered, had it been no dry run."""

    alias: str
    gate: Gate


@dataclass(frozen=True)
class TrainingResult:
    """A training's result.

    `refitted`, `kept`: stores fitted now, and stores with the champion's parameters.  `calendar_through`: the last day
    that any table tells of.  `too_short`: stores with too few open days for a model.  `notices`: the first of each
    kind.  `held_back`: stores that the champion's recipe forecasts clearly better, where another recipe was judged.
    `would_register`: after a dry run, instead of `registered`.  `seconds`: of the stages; `seconds_of_workers`: by
    step, of all workers together.  Where too many stores failed, nothing was registered, and there are no seconds.
    """

    engine: str
    runner: str
    refitted: int
    kept: int
    stores: StoreCounts
    history: HistorySpan
    calendar_through: str
    failures: tuple[Failure, ...]
    too_short: tuple[str, ...]
    notices: tuple[Notice, ...]
    backtest: Scores | None = None
    held_back: tuple[HeldBackStore, ...] | None = None
    registered: RegisteredFleet | None = None
    would_register: WouldRegister | None = None
    seconds: Mapping[str, float] | None = None
    seconds_of_workers: Mapping[str, float] | None = None

    def to_plain(self) -> dict[str, Any]:
        """JSON values, as `docs/train-result.schema.json` has them.

        A part that is not there is left out; but `registered` is null where too many stores failed.
        """
        plain = asdict(self)
        plain["history"] = {"from": plain["history"].pop("first"), **plain["history"]}
        plain["notices"] = [notice.to_plain() for notice in self.notices]
        missing = {name for name in LEFT_OUT if plain[name] is None}
        if self.would_register is None:
            missing.discard("registered")
        return {name: _strict(part) for name, part in plain.items() if name not in missing}


def _strict(value: Any) -> Any:  # noqa: ANN401 - any plain value
    """With None for each number that JSON does not have: the score of a group without a judged day is none."""
    if isinstance(value, dict):
        return {name: _strict(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
