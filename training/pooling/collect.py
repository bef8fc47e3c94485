"""Group priors of a whole chain, collected once before the stores are judged and fitted.

Every fold of a backtest and the last fit have priors of their own, from what was known on that day. A hundred stores
give nearly the same as thousands (on real sales, 60 as 900), so that some of the first partitions are enough, and the
priors of a store do not depend on who works on which partition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fleet import Design, FleetContents, Parameters
from fleet.arrays import BoolArray
from training.engines.batched import BatchedEngine
from training.history.history import History
from training.pooling.group_effects import (
    LONG_HISTORY_DAYS,
    NOISE_DAYS,
    SHORT_HISTORY_DAYS,
    GroupEffects,
    group_effects_of,
    long_histories,
    open_weekdays,
)
from training.pooling.variants import Variant, own_design, specs_of

STORES_ENOUGH = 128
"""Stores whose long histories give the priors of a whole chain."""

PARTS = 2
"""Partitions that these stores are of, so that not one worker fits them all; more where partitions are small."""

SETTINGS = {
    "lending_days": LONG_HISTORY_DAYS,
    "borrowing_days": SHORT_HISTORY_DAYS,
    "noise_days": NOISE_DAYS,
    "stores": STORES_ENOUGH,
    "parts": PARTS,
}
"""What decides the group priors, for the settings that a fleet keeps."""

PriorKey = tuple[int, str]
"""The last day that is known, and the name of a variant."""

GroupPriors = Mapping[PriorKey, GroupEffects]
"""Of each fold and the last fit, by variant."""

POOLED = "+group"
"""Of the fact `variant`, after the name: effects of the store's group are a part of its model."""


@dataclass(frozen=True)
class CollectedEffects:
    """Fits of some long histories on one day by one variant; `parameters` in the columns of its own design."""

    parameters: Parameters
    groups: npt.NDArray[np.str_]
    weekdays_known: BoolArray


def fit_long_histories(
    history: History, design: Design, variants: Sequence[Variant], last_days: Sequence[int]
) -> dict[PriorKey, CollectedEffects]:
    """Fit the stores of a chain, or of a part of it, as they were known on each day; the fits of the long ones."""
    collected = {}
    specs = specs_of(design, variants)
    for day in last_days:
        known = history.until(day) if day < history.last_day else history
        weekdays_known = open_weekdays(known)
        fits_of_variants = BatchedEngine().fit(known, design, specs)
        for variant, fits in zip(variants, fits_of_variants, strict=True):
            rows = np.flatnonzero(long_histories(known, fits.fitted))
            own = fits.parameters.rows(rows)
            collected[day, variant.name] = CollectedEffects(own, known.groups[rows], weekdays_known[rows])
    return collected


def group_priors_of(
    parts: Sequence[Mapping[PriorKey, CollectedEffects]], design: Design, variants: Sequence[Variant]
) -> GroupPriors:
    """The group priors of a chain from the fits of its parts, in the order of the parts.

    A day on which too few stores have a long history has none.
    """
    designs = {variant.name: own_design(design, variant) for variant in variants}
    group_priors = {}
    for key in parts[0] if parts else ():
        whole = _together([part[key] for part in parts])
        everyone = np.ones(len(whole.groups), dtype=np.bool_)
        effects = group_effects_of(whole.parameters, designs[key[1]], whole.groups, everyone, whole.weekdays_known)
        if effects is not None:
            group_priors[key] = effects
    return group_priors


def mark_pooled(contents: FleetContents, group_priors: GroupPriors) -> FleetContents:
    """The same fleet, whose fact `variant` says which of the fitted stores were pooled in the last fit."""
    if all(day != contents.trained_through for day, _ in group_priors):
        return contents
    facts: Any = contents.facts.copy()
    fitted = contents.parameters.scalar("sigma_obs")[:, 0] > 0
    pooled = fitted & (facts["n_days"] < SHORT_HISTORY_DAYS)
    facts["variant"] = np.where(pooled, np.char.add(facts["variant"], POOLED.encode()), facts["variant"])
    return replace(contents, facts=facts)


def _together(parts: Sequence[CollectedEffects]) -> CollectedEffects:
    parameters = Parameters(
        *(np.concatenate([getattr(part.parameters, field.name) for part in parts]) for field in fields(Parameters))
    )
    return CollectedEffects(
        parameters,
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.weekdays_known for part in parts]),
    )
