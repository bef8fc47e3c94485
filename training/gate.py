"""The gate between a training and the alias that is served: a new fleet must not be worse than the champion.

A champion's recorded scores are of other days once the history has grown, and its parameters have seen the days that
the new fleet is judged on. What can be compared is its recipe: its design and variants, fitted again on the same folds.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet import Design, Fleet, StorecastError
from fleet.names import CHALLENGER, CHAMPION
from training.backtest import roll
from training.engine import Engine, Priors, Progress
from training.evaluate import evaluate
from training.history import History
from training.variants import Variant

MARGIN = 0.02


@dataclass(frozen=True)
class Gate:
    """The decision. `wape`, `champion_wape`: on the same folds, None where not judged.

    `judged_by`: `champion`, `baseline` where the champion's recipe cannot be fitted again, or `nothing`.
    """

    alias: str
    reason: str
    judged_by: str = "nothing"
    wape: float | None = None
    champion_wape: float | None = None


def judge_champion(
    version: str,
    champion: Fleet,
    scores: dict[str, Any],
    margin: float,
    *,
    history: History,
    design: Design,
    engine: Engine,
    variants: tuple[Variant, ...],
    n_folds: int,
    progress: Progress,
) -> Gate:
    """Judge a new fleet by its backtest's `scores` against the champion's recipe on the same folds.

    A champion of the same recipe has the same scores by construction, and is not fitted again. `margin`: how much
    worse, as a share of the champion's WAPE, is still let through.
    """
    try:
        its = variants_of(champion)
        if its == variants and same_plain(champion.design.to_dict(), design.to_dict()):
            return decide(scores, scores["wape"], margin, f"version {version}, of the same recipe")
        folds = roll(
            history,
            champion.design,
            engine,
            its,
            horizon_days=scores["horizon_days"],
            n_folds=n_folds,
            progress=progress,
        )
        wape = evaluate(folds, history, champion.design, its).summary["backtest"]["wape"]
    except (StorecastError, KeyError, TypeError) as error:
        return decide_alone(scores, f"version {version} cannot be judged on this history ({error})")
    return decide(scores, wape, margin, f"version {version}")


def decide(scores: dict[str, Any], champion_wape: float, margin: float, champion: str) -> Gate:
    """Champion, where WAPE is at most the champion's and a margin, else challenger."""
    wape = scores["wape"]
    passed = wape <= champion_wape * (1 + margin)
    reason = (
        f"WAPE {wape:.5f} is {'not worse' if passed else 'worse'} than that of the champion, {champion}, on the same "
        f"folds, {champion_wape:.5f}, by more than {margin:.1%}"
    )
    return Gate(CHAMPION if passed else CHALLENGER, reason, "champion", wape, champion_wape)


def decide_alone(scores: dict[str, Any], why: str) -> Gate:
    """Where there is no champion to compare with: champion, where WAPE is not worse than the naive baseline's."""
    wape, naive = scores["wape"], scores["baseline_wape"]
    passed = bool(np.isfinite(wape)) and wape <= naive
    reason = f"{why}; WAPE {wape:.5f} is {'not worse' if passed else 'worse'} than the naive baseline's, {naive:.5f}"
    return Gate(CHAMPION if passed else CHALLENGER, reason, "baseline", wape)


def variants_of(champion: Fleet) -> tuple[Variant, ...]:
    """The variants that a fleet was fitted with, from its settings.

    Raises: KeyError, TypeError: another release wrote them.
    """
    return tuple(
        Variant(plain["name"], Priors(**plain["priors"]), plain["yearly_order"])
        for plain in champion.settings["variants"]
    )


def same_plain(one: object, other: object) -> bool:
    """Whether two values are the same once written as JSON."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
