"""The few ways in which every store is fitted, and their blend.

The variants differ in how fast the trend may bend, how much the last year counts and how many waves a year has. On the
fitted scale a forecast is linear in its parameters, and all variants of a store share its days, scales and places where
the trend may bend; so the mean of the variants' forecasts is the forecast of the mean of their parameters: the blend
is one plain Prophet model again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fleet import Design, Parameters
from fleet.arrays import IntArray
from fleet.formula import SCALARS
from training.engines.bias_correction import unbiased
from training.engines.engine import Engine, Fits, FitSpec, Priors, empty_parameters
from training.engines.features import YEARLY
from training.history.history import History
from training.pooling.group_effects import GroupEffects, refit, short_histories, with_group_noise

BLEND = "blend"


@dataclass(frozen=True)
class Variant:
    """One way to fit. `yearly_order`: waves of the year, at most the design's."""

    name: str
    priors: Priors
    yearly_order: int = YEARLY.order


STEADY = Variant("steady", Priors(changepoint=0.01))
LIVELY = Variant("lively", Priors(changepoint=0.05))
RECENT = Variant("recent", Priors(changepoint=0.01, half_life_days=365.0))
SMOOTH = Variant("smooth", Priors(changepoint=0.01), yearly_order=2)

VARIANTS = (LIVELY, RECENT, SMOOTH)
"""What the blend is made of. On three folds of real sales it beat each of its parts; `STEADY` added nothing to it."""


def fit_variants(
    engine: Engine,
    history: History,
    design: Design,
    variants: Sequence[Variant],
    effects: Sequence[GroupEffects | None] = (),
) -> list[Fits]:
    """Fit every variant; the parameters stand in the columns of the whole design.

    Args: effects: of the groups of stores with a short history, for each variant; none for no pooling.  Only with the
          batched engine, which fits them.
    """
    specs = specs_of(design, variants)
    fits = engine.fit(history, design, specs)
    if effects:
        fits = refit(fits, history, design, specs, effects, short_histories(history))
        fits = [with_group_noise(fit, history, one) for fit, one in zip(fits, effects, strict=True)]
    whole = [_in_whole(fit, spec.design, design) for fit, spec in zip(fits, specs, strict=True)]
    return [unbiased(fit, history, design) for fit in whole]


def specs_of(design: Design, variants: Sequence[Variant]) -> list[FitSpec]:
    """The variants as an engine knows them."""
    return [FitSpec(own_design(design, variant), variant.priors) for variant in variants]


def _in_whole(fits: Fits, own: Design, design: Design) -> Fits:
    """The same fits in the columns of the whole design."""
    if own is design:
        return fits
    whole = empty_parameters(len(fits.fitted), design, fits.parameters.delta.shape[1])
    columns = np.array([design.beta_names.index(name) for name in own.beta_names])
    beta = whole.beta
    beta[:, columns] = fits.parameters.beta
    return replace(fits, parameters=replace(fits.parameters, beta=beta))


def own_design(design: Design, variant: Variant) -> Design:
    """The design that a variant is fitted with: the waves of the year that it wants."""
    fewer = tuple(
        replace(season, order=variant.yearly_order) if season.name == YEARLY.name else season
        for season in design.seasonalities
    )
    return design if fewer == design.seasonalities else replace(design, seasonalities=fewer)


def blend(parts: Sequence[Parameters]) -> Parameters:
    """The mean of some variants of the same stores: its forecasts are the means of theirs, on the fitted scale."""

    def mean(name: str) -> "np.typing.NDArray[np.float64]":
        return np.asarray(np.mean([getattr(part, name) for part in parts], axis=0))

    first = parts[0]
    scalars = first.scalars.copy()
    for name in ("k", "m", "sigma_obs"):
        place = SCALARS.index(name)
        scalars[:, place] = np.mean([part.scalars[:, place] for part in parts], axis=0)
    return replace(first, scalars=scalars, beta=mean("beta"), delta=mean("delta"))


def combine(fits: Sequence[Fits], choice: IntArray) -> Fits:
    """One result of all variants' fits: the blend (0) or the variant chosen (1 and on), where all of them succeeded."""
    parts = [fit.parameters for fit in fits]
    failures = {row: reason for fit in fits for row, reason in fit.failures.items()}
    fitted = np.logical_and.reduce([fit.fitted for fit in fits])
    too_short = tuple(sorted({row for fit in fits for row in fit.too_short} - failures.keys()))
    return Fits(pick([blend(parts), *parts], choice), fitted, too_short, dict(sorted(failures.items())))


def pick(candidates: Sequence[Parameters], choice: IntArray) -> Parameters:
    """Each store's row from the candidate chosen for it; `choice`: (n_stores,) positions in `candidates`."""
    stores = np.arange(len(choice))

    def rows(name: str) -> "np.typing.NDArray[np.float64]":
        return np.asarray(np.stack([getattr(candidate, name) for candidate in candidates])[choice, stores])

    return Parameters(*(rows(name) for name in ("scalars", "beta", "delta", "changepoints_t", "centre", "spread")))
