"""The gate between a training and the alias that is served: a new fleet must not be worse than the champion.

A champion's recorded scores are of other days once the history has grown, and its parameters have seen the days that
the new fleet is judged on. What can be compared is its recipe: its design and variants, fitted again on the same folds.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fleet import Design, Fleet
from fleet.names import CHALLENGER, CHAMPION
from training.backtest.scores import GroupScores
from training.engines.engine import Priors
from training.pooling.variants import Variant

MARGIN = 0.02

JudgedBy = Literal["champion", "baseline", "nothing"]


@dataclass(frozen=True)
class Gate:
    """The decision. `wape`, `champion_wape`: on the same folds, None where not judged.

    `judged_by`: `champion`, `baseline` where the champion's recipe cannot be fitted again, or `nothing`.
    """

    alias: str
    reason: str
    judged_by: JudgedBy = "nothing"
    wape: float | None = None
    champion_wape: float | None = None


def same_recipe(champion: Fleet, design: Design, engine: str, settings: dict[str, Any]) -> bool:
    """Whether a champion was made as we make it: then its scores on our folds are ours by construction."""
    its = champion.settings
    same = champion.engine == engine and same_plain(champion.design.to_dict(), design.to_dict())
    return same and all(same_plain(its.get(name), settings.get(name)) for name in ("variants", "borrowing"))


def decide_same(scores: GroupScores, champion: str) -> Gate:
    """Of the champion's own recipe: champion, where that still beats the naive baseline on this history."""
    judged = decide_alone(scores, f"the champion, {champion}, is of the same recipe")
    return replace(judged, judged_by="champion", champion_wape=scores.wape)


def decide(scores: GroupScores, champion_wape: float, margin: float, champion: str) -> Gate:
    """Champion, where WAPE is at most the champion's and a margin, else challenger."""
    wape = scores.wape
    passed = wape <= champion_wape * (1 + margin)
    reason = (
        f"WAPE {wape:.5f} is {'not worse' if passed else 'worse'} than that of the champion, {champion}, on the same "
        f"folds, {champion_wape:.5f}, by more than {margin:.1%}"
    )
    return Gate(CHAMPION if passed else CHALLENGER, reason, "champion", wape, champion_wape)


def decide_alone(scores: GroupScores, why: str) -> Gate:
    """Where there is no champion to compare with: champion, where WAPE is not worse than the naive baseline's."""
    wape, naive = scores.wape, scores.baseline_wape
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
