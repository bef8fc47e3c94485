"""The gate of each store: where a new recipe is clearly worse than the champion's, the store keeps its champion row.

A fleet may be better as a whole and worse for some stores. Both recipes are judged on the same folds; a store keeps its
row only if the new recipe lost beyond the folds' noise, by the rule of `choose`: on three folds a store's WAPE moves by
chance, and to keep whatever won by chance would make the fleet worse, and a mix of recipes that nobody chose.

A row is kept bit for bit: parameters, interval quantiles and facts, which tell of the data that it was fitted on.
Its fact `variant` says `champion:<version>`, the version that fitted it.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

from fleet import Design, Fleet, FleetContents, Parameters
from fleet.arrays import BoolArray, FloatArray, IntArray
from training.backtest import metrics
from training.backtest.choose import LEAST_GAIN, NOISE

KEPT = "champion:"
"""Of the fact `variant`, before the version that a kept row was fitted for."""


@dataclass(frozen=True)
class HeldBackStore:
    """What the gate did with one store that its champion's recipe forecasts clearly better."""

    store: str
    kept: bool
    reason: str


def fold_wapes(value: FloatArray, actual: FloatArray, counts: BoolArray, n_folds: int) -> FloatArray:
    """WAPE of each fold and store, (n_folds, n_stores), from days of all folds side by side, (n_stores, n_days)."""
    parts = (np.split(array, n_folds, axis=1) for array in (value, actual, counts))
    return np.stack([metrics.wape(*fold) for fold in zip(*parts, strict=True)])


def clearly_worse(wape: FloatArray, champion_wape: FloatArray) -> BoolArray:
    """(n_stores,) the stores whose new model lost to the champion's recipe beyond the noise of the folds.

    It lost in every fold, by more than `NOISE` standard errors of the losses in the mean, and by more than `LEAST_GAIN`
    of the champion's WAPE. Never on one fold alone, nor where a fold did not judge the store.

    Args: wape, champion_wape: (n_folds, n_stores) on the same days, as each fleet would have answered; NaN: not judged.
    """
    losses = wape - champion_wape
    n_folds = len(losses)
    if n_folds < 2:  # noqa: PLR2004 - one fold has no spread
        return np.zeros(losses.shape[1], dtype=np.bool_)
    mean, error = losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(n_folds)
    with np.errstate(invalid="ignore"):
        beyond_noise = (losses > 0).all(axis=0) & (mean > NOISE * error)
        return np.asarray(beyond_noise & (mean > LEAST_GAIN * champion_wape.mean(axis=0)))


def keep_rows(
    champion: Fleet, version: str, contents: FleetContents, keep: BoolArray
) -> tuple[FleetContents, tuple[HeldBackStore, ...]]:
    """The new fleet with the champion's rows of the stores to keep, and what was done with each of those.

    A row is kept where it means the same in the new design: every term that it uses is there, transform and growth are
    the same, and its changepoints find room. Else the store has its new model, and the reason says what is missing.

    Args: version: of the champion.  keep: (n_stores,) of the new fleet.
    """
    columns = _columns(champion.design, contents.design)
    pairs: list[tuple[int, int]] = []
    held_back = []
    for row in np.flatnonzero(keep).tolist():
        store = contents.store_ids[row]
        place = champion.position(store)
        why_not = _why_not(champion, place, contents, columns)
        if not why_not and place is not None:
            pairs.append((row, place))
        reason = f"the recipe of version {version} is clearly better for it"
        reason += f", but its row cannot be kept: {why_not}" if why_not else ""
        held_back.append(HeldBackStore(store, not why_not, reason))
    if not pairs:
        return contents, tuple(held_back)
    rows, places = np.array(pairs).T
    return _with_rows(champion, version, contents, columns, rows, places), tuple(held_back)


def carry_over(champion: Fleet, version: str, contents: FleetContents, kept: BoolArray) -> FleetContents:
    """The new fleet, whose facts of the stores that were not fitted again tell of the fit that they have.

    Args: kept: (n_stores,) stores with the champion's parameters, since nothing that they were fitted on has changed.
    """
    places = {store_id: place for place, store_id in enumerate(champion.store_ids)}
    rows = np.flatnonzero(kept)
    of_rows = np.array([places[contents.store_ids[row]] for row in rows], dtype=np.int64)
    facts = contents.facts.copy()
    cast("Any", facts)["variant"][rows] = champion.facts["variant"][of_rows]
    keep = np.zeros(len(kept), dtype=np.bool_)
    keep[rows] = was_kept(champion.facts[of_rows])
    return keep_rows(champion, version, replace(contents, facts=facts), keep)[0]


def was_kept(facts: "np.typing.NDArray[np.void]") -> BoolArray:
    """(n_stores,) the stores whose row an earlier champion fitted."""
    return np.asarray(np.char.startswith(facts["variant"], KEPT.encode()))


@dataclass(frozen=True)
class _Columns:
    """Where the champion's columns stand in the new design.

    `places`: (n_beta of the champion,), -1 where there is no such column.  `shape`: why no row at all means the same in
    the new design; empty where they do.
    """

    places: IntArray
    names: tuple[str, ...]
    shape: str


def _columns(old: Design, new: Design) -> _Columns:
    where: dict[str, int] = {}
    for place, term in enumerate(_terms(new)):
        where.setdefault(term, place)
    places = np.array([where.get(term, -1) for term in _terms(old)], dtype=np.int64)
    differs = [name for name in ("transform", "growth") if getattr(old, name) != getattr(new, name)]
    shape = ", ".join(f"its {name} is {getattr(old, name)}, now {getattr(new, name)}" for name in differs)
    return _Columns(places, old.beta_names, shape)


def _terms(design: Design) -> list[str]:
    """What each column of a design is, whatever it is called: equal texts, equal columns."""
    waves = [
        f"{wave} {season.period_days:g} days / {harmonic} {season.mode}"
        for season in design.seasonalities
        for harmonic in range(1, season.order + 1)
        for wave in ("sine", "cosine")
    ]
    return waves + [f"{r.rule} {sorted(r.arguments.items())} {r.mode}" for r in design.regressors]


def _why_not(champion: Fleet, place: int | None, contents: FleetContents, columns: _Columns) -> str:
    """Why a row cannot be kept; empty where it can."""
    if place is None or not champion.has_model[place]:
        return "the champion has no model of it"
    if columns.shape:
        return columns.shape
    if (champion.interval_quantiles is None) != (contents.interval_quantiles is None):
        return "only one of the two fleets has measured intervals"
    own = champion.parameters.rows(np.array([place]))
    missing = [
        name for name, beta, at in zip(columns.names, own.beta[0], columns.places, strict=True) if beta != 0 and at < 0
    ]
    if missing:
        return f"the new design has no {', '.join(missing)}"
    bends, room = int(np.isfinite(own.changepoints_t).sum()), contents.parameters.delta.shape[1]
    return f"it has {bends} changepoints, and there is room for {room}" if bends > room else ""


def _with_rows(
    champion: Fleet, version: str, contents: FleetContents, columns: _Columns, rows: IntArray, places: IntArray
) -> FleetContents:
    facts = contents.facts.copy()
    facts[rows] = champion.facts[places]
    variants = cast("Any", facts)["variant"]
    earlier = was_kept(champion.facts[places])
    variants[rows] = np.where(earlier, champion.facts["variant"][places], f"{KEPT}{version}".encode())
    has_model, quantiles, its = contents.has_model.copy(), contents.interval_quantiles, champion.interval_quantiles
    has_model[rows] = True
    if quantiles is not None and its is not None:
        quantiles = quantiles.copy()
        quantiles[rows] = its[places]
    parameters = _put(contents.parameters, contents.design, champion.parameters.rows(places), columns, rows)
    return replace(contents, parameters=parameters, has_model=has_model, facts=facts, interval_quantiles=quantiles)


def _put(into: Parameters, design: Design, own: Parameters, columns: _Columns, rows: IntArray) -> Parameters:
    """The parameters with some stores' rows replaced; `own`: those rows in the champion's columns."""
    whole = Parameters(*(getattr(into, field.name).copy() for field in fields(Parameters)))
    whole.scalars[rows] = own.scalars
    there = columns.places >= 0
    whole.beta[rows] = 0.0
    whole.beta[np.ix_(rows, columns.places[there])] = own.beta[:, there]
    width = min(own.delta.shape[1], whole.delta.shape[1])
    whole.delta[rows], whole.changepoints_t[rows] = 0.0, np.inf
    whole.delta[rows, :width], whole.changepoints_t[rows, :width] = own.delta[:, :width], own.changepoints_t[:, :width]
    regressors = columns.places[-own.centre.shape[1] :] if own.centre.shape[1] else columns.places[:0]
    known = regressors >= 0
    at = np.ix_(rows, regressors[known] - design.n_fourier)
    whole.centre[rows], whole.spread[rows] = 0.0, 1.0
    whole.centre[at], whole.spread[at] = own.centre[:, known], own.spread[:, known]
    return whole
