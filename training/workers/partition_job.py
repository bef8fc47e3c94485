"""What a worker does with one partition: read it, judge it on a backtest, fit it; rows of its stores come back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from fleet import Design, FleetContents
from training.backtest import metrics
from training.backtest.assemble import assemble
from training.backtest.choose import Backtest, choose
from training.backtest.folds import roll, trial_of
from training.chain.survey import Partition
from training.champion.reuse import ChampionRows, fit_changed
from training.checks.validate import Problem
from training.engines.engine import Engine, without
from training.history.history import ChainContext, History
from training.pooling.collect import CollectedEffects, GroupPriors, PriorKey, fit_long_histories
from training.pooling.variants import Variant
from training.workers.diagnose import failures_of


@dataclass(frozen=True)
class Recipe:
    """How every store is fitted and judged. `cutoffs`: of the backtest, none for no backtest.

    `group_priors`: of short histories; none for no pooling.
    """

    design: Design
    variants: tuple[Variant, ...]
    engine: Engine
    cutoffs: tuple[int, ...]
    horizon_days: int
    group_priors: GroupPriors = field(default_factory=dict)


@dataclass(frozen=True)
class PartitionJob:
    """One partition's work. `champion`: the champion's rows of these stores.  `fit`: False for the backtest alone."""

    partition: Partition
    chain: ChainContext
    recipe: Recipe
    champion: ChampionRows | None = None
    fit: bool = True


@dataclass(frozen=True)
class PartitionResult:
    """What comes back. `backtest`, `contents`: None where the job did not judge, or did not fit.

    `failures`: see `diagnose.failures_of`.  `too_short`, `kept`: stores.  `seconds`: by step.
    """

    store_ids: tuple[str, ...]
    seconds: Mapping[str, float]
    backtest: Backtest | None
    contents: FleetContents | None = None
    failures: Sequence[Mapping[str, Any]] = ()
    too_short: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def work(job: PartitionJob) -> PartitionResult:
    """Do one job; the same result wherever it runs."""
    # Products of matrices can differ in their last bit with the number of threads.
    with threadpool_limits(1):
        begun = time.perf_counter()
        history = job.partition.history(job.chain)
        seconds = {"read": time.perf_counter() - begun}
        begun = time.perf_counter()
        faulty = {history.store_ids.index(store_id): problem for store_id, problem in job.partition.faulty.items()}
        backtest = _backtest(history, job.recipe, list(faulty)) if job.recipe.cutoffs else None
        seconds["backtest"] = time.perf_counter() - begun
        result = PartitionResult(history.store_ids, seconds, backtest)
        return _fitted(job, history, faulty, result) if job.fit else result


def _fitted(
    job: PartitionJob, history: History, faulty: Mapping[int, Problem], judged: PartitionResult
) -> PartitionResult:
    """The result with the fitted stores. `faulty`: rows without a model, and what is wrong with them."""
    begun = time.perf_counter()
    recipe, kept = job.recipe, job.champion.unchanged(history) if job.champion else None
    n_stores = len(history.store_ids)
    candidate = judged.backtest.choice.candidate if judged.backtest else np.zeros(n_stores, dtype=np.int64)
    fits = fit_changed(history, recipe.design, recipe.engine, recipe.variants, candidate, kept, recipe.group_priors)
    fits = without(fits, {row: str(problem) for row, problem in faulty.items()})
    contents = assemble(history, recipe.design, fits, engine=recipe.engine.name, settings={})
    return replace(
        judged,
        seconds={**judged.seconds, "fit": time.perf_counter() - begun},
        contents=contents,
        failures=failures_of(history, recipe.design, fits.failures, faulty),
        too_short=tuple(history.store_ids[row] for row in fits.too_short),
        kept=tuple(history.store_ids[row] for row in kept.rows) if kept else (),
    )


def _backtest(history: History, recipe: Recipe, without_model: list[int]) -> Backtest:
    """Roll, and choose a candidate for each store; the fallback will answer some."""
    folds = roll(
        history,
        recipe.design,
        recipe.engine,
        recipe.variants,
        cutoffs=recipe.cutoffs,
        horizon_days=recipe.horizon_days,
        group_priors=recipe.group_priors,
    )
    for fold in folds:
        fold.centre[:, without_model] = np.nan
    choice = choose(folds, recipe.design, history.sells_zeros)
    trials = {fold.cutoff: trial_of(fold, choice.candidate) for fold in folds}
    seasonal_mae = metrics.seasonal_errors(history.sales, history.judged_days())
    return Backtest(trials, choice, seasonal_mae, history.sells_zeros)


@dataclass(frozen=True)
class CollectJob:
    """Collect the long histories among up to `n_stores` stores of one partition."""

    partition: Partition
    chain: ChainContext
    recipe: Recipe
    n_stores: int


def collect_effects(job: CollectJob) -> tuple[int, dict[PriorKey, CollectedEffects]]:
    """The partition's index, and the fits of its long histories; see `training.pooling.collect`."""
    with threadpool_limits(1):
        history, recipe = job.partition.history(job.chain), job.recipe
        # Evenly from all of them: ids often follow regions or groups.
        n_stores = len(history.store_ids)
        chosen = min(n_stores, job.n_stores)
        history = history.rows(np.arange(chosen) * n_stores // chosen)
        days = (*recipe.cutoffs, job.chain.last_day)
        return job.partition.index, fit_long_histories(history, recipe.design, recipe.variants, days)
