"""What the stores of a chain teach each other, learnt once before the stores are judged and fitted.

Every fold of a backtest and the last fit have lessons of their own, from what was known on that day. A hundred stores
teach nearly as well as thousands (on real sales, 60 as 900), so that some of the first partitions are enough, and what
a store learns does not depend on who works on which partition.
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
    BORROWING_DAYS,
    LENDING_DAYS,
    NOISE_DAYS,
    Profile,
    lenders,
    open_weekdays,
    profile,
)
from training.pooling.variants import Variant, own_design, specs_of

STORES_ENOUGH = 128
"""Stores of which the lenders teach a whole chain."""

PARTS = 2
"""Partitions that these stores are of, so that not one worker fits them all; more where partitions are small."""

SETTINGS = {
    "lending_days": LENDING_DAYS,
    "borrowing_days": BORROWING_DAYS,
    "noise_days": NOISE_DAYS,
    "stores": STORES_ENOUGH,
    "parts": PARTS,
}
"""What decides what is borrowed, for the settings that a fleet keeps."""

Moment = tuple[int, str]
"""The last day that is known, and the name of a variant."""

Lessons = Mapping[Moment, Profile]

BORROWED = "+group"
"""Of the fact `variant`, after the name: effects of the store's group are a part of its model."""


@dataclass(frozen=True)
class Lent:
    """What some stores can teach at one moment; `parameters` in the columns of the variant's own design."""

    parameters: Parameters
    groups: npt.NDArray[np.str_]
    weekdays_known: BoolArray


def lend(history: History, design: Design, variants: Sequence[Variant], last_days: Sequence[int]) -> dict[Moment, Lent]:
    """Fit the stores of a chain, or of a part of it, as they were known on each day; what the long ones can teach."""
    lent = {}
    specs = specs_of(design, variants)
    for day in last_days:
        known = history.until(day) if day < history.last_day else history
        weekdays_known = open_weekdays(known)
        found = BatchedEngine().fit(known, design, specs)
        for variant, fits in zip(variants, found, strict=True):
            rows = np.flatnonzero(lenders(known, fits.fitted))
            lent[day, variant.name] = Lent(fits.parameters.rows(rows), known.groups[rows], weekdays_known[rows])
    return lent


def lessons_of(parts: Sequence[Mapping[Moment, Lent]], design: Design, variants: Sequence[Variant]) -> Lessons:
    """The lessons from what the parts of a chain lend, in the order of the parts.

    A moment at which too few stores have a long history has no lesson.
    """
    designs = {variant.name: own_design(design, variant) for variant in variants}
    learnt = {}
    for moment in parts[0] if parts else ():
        lent = _together([part[moment] for part in parts])
        everyone = np.ones(len(lent.groups), dtype=np.bool_)
        found = profile(lent.parameters, designs[moment[1]], lent.groups, everyone, lent.weekdays_known)
        if found is not None:
            learnt[moment] = found
    return learnt


def marked(contents: FleetContents, lessons: Lessons) -> FleetContents:
    """The same fleet, whose fact `variant` says which of the fitted stores borrowed in the last fit."""
    if all(day != contents.trained_through for day, _ in lessons):
        return contents
    facts: Any = contents.facts.copy()
    fitted = contents.parameters.scalar("sigma_obs")[:, 0] > 0
    borrowed = fitted & (facts["n_days"] < BORROWING_DAYS)
    facts["variant"] = np.where(borrowed, np.char.add(facts["variant"], BORROWED.encode()), facts["variant"])
    return replace(contents, facts=facts)


def _together(parts: Sequence[Lent]) -> Lent:
    parameters = Parameters(
        *(np.concatenate([getattr(part.parameters, field.name) for part in parts]) for field in fields(Parameters))
    )
    return Lent(
        parameters,
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.weekdays_known for part in parts]),
    )
