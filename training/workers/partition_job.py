"""What a worker does with one partition: read it, judge it on a backtest, fit it; a block of arrays comes back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fleet import Design, FleetContents, Parameters
from fleet.arrays import IntArray
from fleet.calendar import Calendar
from training.backtest import metrics
from training.backtest.assemble import assemble
from training.backtest.choose import Choice, choose
from training.backtest.folds import Trial, roll, settle
from training.chain.survey import Part
from training.champion.reuse import Known, fit_changed
from training.engines.engine import Engine, without
from training.history.history import Chain, History
from training.pooling.collect import Lent, Lessons, Moment, lend
from training.pooling.variants import Variant
from training.workers.diagnose import failures_of

Rows = Mapping[str, npt.NDArray[Any]]
"""Arrays by name, first axis the store."""


@dataclass(frozen=True)
class Recipe:
    """How every store is fitted and judged. `cutoffs`: of the backtest, none for no backtest.

    `lessons`: what short histories borrow from their groups; none: nothing.
    """

    design: Design
    variants: tuple[Variant, ...]
    engine: Engine
    cutoffs: tuple[int, ...]
    horizon_days: int
    lessons: Lessons = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One partition's work. `known`: the champion's rows of these stores.  `fit`: False for the backtest alone."""

    part: Part
    chain: Chain
    recipe: Recipe
    known: Known | None = None
    fit: bool = True


@dataclass(frozen=True)
class Block:
    """What comes back. `failures`: see `failures.failures_of`.  `too_short`, `kept`: stores.  `seconds`: by step."""

    store_ids: tuple[str, ...]
    rows: Rows
    failures: Sequence[Mapping[str, Any]]
    too_short: tuple[str, ...]
    kept: tuple[str, ...]
    seconds: Mapping[str, float]


def work(job: Job) -> Block:
    """Do one job; the same block wherever it runs."""
    # Products of matrices can differ in their last bit with the number of threads.
    with threadpool_limits(1):
        begun = time.perf_counter()
        history = job.part.history(job.chain)
        seconds = {"read": time.perf_counter() - begun}
        begun = time.perf_counter()
        faulty = {history.store_ids.index(store_id): problem for store_id, problem in job.part.faulty.items()}
        rows, candidate = _backtest(history, job.recipe, list(faulty))
        seconds["backtest"] = time.perf_counter() - begun
        if not job.fit:
            return Block(history.store_ids, rows, (), (), (), seconds)
        begun = time.perf_counter()
        recipe, kept = job.recipe, job.known.unchanged(history) if job.known else None
        fits = fit_changed(history, recipe.design, recipe.engine, recipe.variants, candidate, kept, recipe.lessons)
        fits = without(fits, {row: str(problem) for row, problem in faulty.items()})
        contents = assemble(history, recipe.design, fits, engine=recipe.engine.name, settings={})
        seconds["fit"] = time.perf_counter() - begun
        failures = failures_of(history, recipe.design, fits.failures, faulty)
        too_short = tuple(history.store_ids[row] for row in fits.too_short)
        as_before = tuple(history.store_ids[row] for row in kept.rows) if kept else ()
        return Block(history.store_ids, {**rows, **rows_of(contents)}, failures, too_short, as_before, seconds)


@dataclass(frozen=True)
class LendJob:
    """Up to `n_stores` of one partition's stores as teachers, on each of some days."""

    part: Part
    chain: Chain
    recipe: Recipe
    n_stores: int


def lend_part(job: LendJob) -> tuple[int, dict[Moment, Lent]]:
    """The partition's index, and what its long histories can teach; see `training.pooling.collect`."""
    with threadpool_limits(1):
        history, recipe = job.part.history(job.chain), job.recipe
        # Evenly from all of them: ids often follow regions or groups.
        n_stores = len(history.store_ids)
        chosen = min(n_stores, job.n_stores)
        history = history.rows(np.arange(chosen) * n_stores // chosen)
        return job.part.index, lend(history, recipe.design, recipe.variants, (*recipe.cutoffs, job.chain.last_day))


def _backtest(
    history: History, recipe: Recipe, without_model: list[int]
) -> tuple[dict[str, npt.NDArray[Any]], IntArray]:
    """The trials as rows, and the candidate chosen for each store; the fallback will answer some."""
    if not recipe.cutoffs:
        return {}, np.zeros(len(history.store_ids), dtype=np.int64)
    folds = roll(
        history,
        recipe.design,
        recipe.engine,
        recipe.variants,
        cutoffs=recipe.cutoffs,
        horizon_days=recipe.horizon_days,
        lessons=recipe.lessons,
    )
    for fold in folds:
        fold.centre[:, without_model] = np.nan
    sells_zeros = history.sells_zeros
    choice = choose(folds, recipe.design, sells_zeros)
    rows: dict[str, npt.NDArray[Any]] = {f"choice.{name}": getattr(choice, name) for name in _CHOICE}
    rows["seasonal_mae"] = metrics.seasonal_errors(history.sales, history.judged_days())
    rows["sells_zeros"] = sells_zeros
    for fold in folds:
        trial = settle(fold, choice.candidate)
        rows |= {f"{fold.cutoff}.{name}": getattr(trial, name) for name in _TRIAL}
    return rows, choice.candidate


_TRIAL = tuple(field.name for field in fields(Trial) if field.name != "cutoff")
_CHOICE = tuple(field.name for field in fields(Choice))
_PARAMETERS = tuple(field.name for field in fields(Parameters))
_CONTENTS = ("has_model", "fallback", "fallback_sigma", "fallback_level", "recent_sales", "facts")


def trials_of(rows: Rows, cutoffs: Sequence[int]) -> tuple[list[Trial], Choice]:
    """The trials and the choice that `work` put into rows."""
    trials = [Trial(cutoff, **{name: rows[f"{cutoff}.{name}"] for name in _TRIAL}) for cutoff in cutoffs]
    return trials, Choice(**{name: rows[f"choice.{name}"] for name in _CHOICE})


def rows_of(contents: FleetContents) -> dict[str, npt.NDArray[Any]]:
    """A fleet's arrays by name."""
    calendar = contents.calendar
    rows = {name: getattr(contents, name) for name in _CONTENTS}
    rows |= {f"parameters.{name}": getattr(contents.parameters, name) for name in _PARAMETERS}
    rows |= {f"calendar.{name}": values for name, values in calendar.values.items()}
    rows |= {f"usual.{name}": values for name, values in calendar.usual_numbers.items()}
    rows |= {f"closed.{name}": values for name, values in calendar.usually_closed.items()}
    return {**rows, "usual_open": calendar.usual_open}


def contents_of(
    rows: Rows, store_ids: tuple[str, ...], recipe: Recipe, chain: Chain, settings: dict[str, object]
) -> FleetContents:
    """The fleet that `rows_of` took apart."""
    numbers = {column.name: rows[f"usual.{column.name}"] for column in chain.columns if column.type == "number"}
    values = {column.name: rows[f"calendar.{column.name}"] for column in chain.columns}
    closed = {column.name: rows[f"closed.{column.name}"] for column in chain.columns if f"closed.{column.name}" in rows}
    return FleetContents(
        store_ids=store_ids,
        design=recipe.design,
        parameters=Parameters(*(rows[f"parameters.{name}"] for name in _PARAMETERS)),
        calendar=Calendar(chain.first_day, chain.columns, values, rows["usual_open"], numbers, closed, chain.open_told),
        trained_through=chain.last_day,
        engine=recipe.engine.name,
        settings=settings,
        **{name: rows[name] for name in _CONTENTS},
    )


class Gathered:
    """The blocks of all partitions put together in the order of a chain, each as it arrives."""

    def __init__(self, store_ids: Sequence[str]) -> None:
        self.store_ids = tuple(store_ids)
        self.rows: dict[str, npt.NDArray[Any]] = {}
        self._failures: list[Mapping[str, Any]] = []
        self.too_short: set[str] = set()
        self.kept: set[str] = set()
        self.seconds: dict[str, float] = {}
        self._places = {store_id: row for row, store_id in enumerate(self.store_ids)}

    @property
    def failures(self) -> list[dict[str, Any]]:
        """In the order of the chain."""
        ordered = sorted(self._failures, key=lambda failure: self._places[failure["store"]])
        return [dict(failure) for failure in ordered]

    def put(self, block: Block) -> None:
        """Take a block over."""
        places = np.array([self._places[store_id] for store_id in block.store_ids], dtype=np.int64)
        for name, part in block.rows.items():
            if name not in self.rows:
                self.rows[name] = np.zeros((len(self.store_ids), *part.shape[1:]), dtype=part.dtype)
            self.rows[name][places] = part
        self._failures += block.failures
        self.too_short |= set(block.too_short)
        self.kept |= set(block.kept)
        for name, spent in block.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
