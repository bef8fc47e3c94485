"""What the steps of a training share: its options, the prepared input, the recipe, and work on all partitions."""

import math
from dataclasses import dataclass
from operator import itemgetter

from training.backtest.evaluate import Evaluation, evaluate
from training.chain.survey import Partition
from training.champion.reuse import ChampionRows, champion_rows
from training.options import Stages, TrainingOptions
from training.pooling.collect import PARTS, STORES_ENOUGH, GroupPriors, group_priors_of
from training.prepare import Prepared
from training.registry.base import Registry
from training.registry.registration import Champion
from training.workers.chain_result import ChainResult
from training.workers.partition_job import CollectJob, PartitionJob, Recipe, collect_effects, work


@dataclass(frozen=True)
class Run:
    """What the steps of a run share."""

    options: TrainingOptions
    prepared: Prepared
    recipe: Recipe
    stages: Stages
    registry: Registry
    champion: Champion | None

    def gather(self, recipe: Recipe, champion: ChampionRows | None = None, *, fit: bool) -> ChainResult:
        """Work on all partitions, and put the results together."""
        prepared, reporter = self.prepared, self.stages.reporter
        of_part = _stores_by_part(prepared)
        jobs = [
            PartitionJob(part, prepared.chain, recipe, _champion_rows_of(champion, part, of_part[part.index]), fit)
            for part in prepared.parts
        ]
        gathered = ChainResult(prepared.store_ids.tolist())
        for result in self.options.runner.run(work, jobs):
            gathered.put(result)
            reporter.advance(len(result.store_ids), len(result.failures))
        return gathered


def collect_group_priors(recipe: Recipe, prepared: Prepared, options: TrainingOptions) -> GroupPriors:
    """The group priors, from stores of the first partitions; none where another engine fits."""
    if recipe.engine.name != "batched":
        return {}
    jobs, n_stores = [], 0
    share = math.ceil(STORES_ENOUGH / min(len(prepared.parts), PARTS))
    of_part = _stores_by_part(prepared)
    for part in prepared.parts:
        if n_stores < STORES_ENOUGH:
            jobs.append(CollectJob(part, prepared.chain, recipe, share))
            n_stores += min(len(of_part[part.index]), share)
    # They come as they are ready; sums of numbers depend on their order.
    collected = sorted(options.runner.run(collect_effects, jobs), key=itemgetter(0))
    return group_priors_of([part for _, part in collected], recipe.design, recipe.variants)


def _stores_by_part(prepared: Prepared) -> dict[int, list[str]]:
    stores: dict[int, list[str]] = {part.index: [] for part in prepared.parts}
    for store_id in prepared.store_ids.tolist():
        stores[prepared.part_of(store_id).index].append(store_id)
    return stores


def reusable_rows(run: Run) -> ChampionRows | None:
    """The champion's rows that may be reused; None where there are none, or all stores are to be fitted."""
    champion = run.champion.fleet if run.champion else None
    if champion is None or run.options.refit == "all":
        return None
    return champion_rows(champion, run.recipe.design, run.recipe.engine.name, run.options.settings())


def _champion_rows_of(champion: ChampionRows | None, part: Partition, store_ids: list[str]) -> ChampionRows | None:
    """What is known of a partition's stores, but of faulty ones: what is left of their rows may be as before."""
    return champion.of(store_id for store_id in store_ids if store_id not in part.faulty) if champion else None


def evaluated_on(gathered: ChainResult, recipe: Recipe, prepared: Prepared) -> Evaluation:
    """The verdict on the folds of all stores."""
    backtest = gathered.backtest
    return evaluate(
        tuple(backtest.trials.values()),
        backtest.choice,
        recipe.design,
        recipe.variants,
        groups=prepared.groups,
        seasonal_mae=backtest.seasonal_mae,
        sells_zeros=backtest.sells_zeros,
    )
