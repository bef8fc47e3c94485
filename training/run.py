"""One training run: read, judge on a backtest, fit, register. Every store ends with a forecast, or the run says why."""

import tempfile
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from fleet import FleetContents
from fleet.arrays import as_dates
from training.background import in_background
from training.backtest.assemble import with_verdict
from training.backtest.evaluate import Evaluation
from training.champion import store_gate
from training.champion.fleet_gate import Gate
from training.decision import decide, hold_back
from training.engines.engine import Engine
from training.engines.features import design_of
from training.errors import AliasMovedError
from training.options import Quiet, Reporter, Stages, TrainingOptions, stores_named
from training.pooling.collect import mark_pooled
from training.prepare import Prepared, partition, prepare
from training.registry.base import Registry
from training.registry.registration import Champion, current_champion, register
from training.report import check_failures, check_store_models, metrics_of, parameters_of, result_of
from training.result import RegisteredFleet, TrainingResult, WouldRegister
from training.session import Run, collect_group_priors, evaluated_on, reusable_rows
from training.workers.partition_job import Recipe

__all__ = ["Quiet", "TrainingOptions", "train"]


def train(
    options: TrainingOptions, engine: Engine, reporter: Reporter, registry: Registry | None = None
) -> TrainingResult:
    """Train a chain.

    Args:   registry: whose champion the fleet is judged against, and where it goes; None: the one of the options.
    Raises: DataError: the input has problems, or a store to register has no model.  TooManyFailuresError: over the
            threshold, nothing registered.  RegistryError.  WorkerLostError.
    """
    stages, registry = Stages(reporter), registry or options.registry()
    options.home.mkdir(parents=True, exist_ok=True)
    # On a cluster the workers read the partitions where they are written.
    with tempfile.TemporaryDirectory(dir=options.home, prefix="partitions-") as folder:
        with stages.of("partition"):
            partitioned = partition(options, Path(folder))
        # MLflow takes seconds to load and to be asked; meanwhile workers start and read.
        with in_background(partial(_champion, registry)) as asked:
            prepared = prepare(options, partitioned, stages)
            prepared.notices.save(options.home)
            design = design_of(prepared.chain.columns, growth=options.growth, transform=options.transform)
            recipe = Recipe(design, options.variants, engine, prepared.cutoffs, options.test_days)
            with stages.of("lessons"):
                recipe = replace(recipe, group_priors=collect_group_priors(recipe, prepared, options))
            with stages.of("champion"):
                champion = asked.result()
        own = stores_named(options.register_stores, prepared.store_ids.tolist())
        return _train(Run(replace(options, register_stores=own), prepared, recipe, stages, registry, champion))


def _champion(registry: Registry) -> Champion | None:
    # Also where there is none to ask yet: it will be needed to register.
    registry.load()
    return current_champion(registry)


def _train(run: Run) -> TrainingResult:
    options, prepared, recipe, stages = run.options, run.prepared, run.recipe, run.stages
    # Matplotlib takes a while to load, too.
    with stages.of("models", len(prepared.store_ids)), in_background(partial(import_module, "training.backtest.plots")):
        gathered = run.gather(recipe, reusable_rows(run), fit=True)
    contents = replace(gathered.contents, settings=options.settings())
    evaluated = evaluated_on(gathered, recipe, prepared) if recipe.cutoffs else None
    result = result_of(run, gathered, evaluated.scores if evaluated else None)
    if evaluated:
        contents = with_verdict(contents, evaluated.verdict)
    contents = mark_pooled(contents, recipe.group_priors)
    if run.champion and run.champion.fleet and gathered.kept:
        kept = np.isin(contents.store_ids, sorted(gathered.kept))
        contents = store_gate.carry_over(run.champion.fleet, run.champion.version, contents, kept)
    check_failures(result, options)
    check_store_models(contents, options)
    result = _judged_and_registered(run, contents, result, evaluated)
    seconds = {name: round(spent, 3) for name, spent in gathered.seconds.items()}
    return replace(result, seconds=dict(stages.seconds), seconds_of_workers=seconds)


def _judged_and_registered(
    run: Run, contents: FleetContents, result: TrainingResult, evaluated: Evaluation | None
) -> TrainingResult:
    """The result with what the gates say, and what was registered by it, or would be."""
    with tempfile.TemporaryDirectory() as folder:
        while True:
            decided, rival = decide(run, evaluated)
            ours, judged = contents, result
            if rival and evaluated:
                ours, held = hold_back(run, contents, evaluated, rival)
                judged = replace(result, held_back=held)
            if run.options.dry_run:
                return replace(judged, would_register=WouldRegister(decided.alias, decided))
            if evaluated and not any(Path(folder).iterdir()):
                _plot(run, evaluated, Path(folder))
            try:
                with run.stages.of("register"):
                    return replace(judged, registered=_register(run, ours, result, decided, Path(folder)))
            except AliasMovedError:
                # Another training came first: its fleet is the one to be judged against.
                with run.stages.of("champion"):
                    run = replace(run, champion=current_champion(run.registry))


def _plot(run: Run, evaluated: Evaluation, folder: Path) -> None:
    with run.stages.of("plots"):
        from training.backtest.plots import plot  # noqa: PLC0415 - see `train`

        plot(folder, evaluated, run.prepared.store_ids.tolist())


def _register(run: Run, contents: FleetContents, result: TrainingResult, decided: Gate, plots: Path) -> RegisteredFleet:
    registered = register(
        run.registry,
        contents,
        parameters=parameters_of(run),
        metrics=metrics_of(result, run.stages),
        own_sales={store_id: _sales(run.prepared, store_id) for store_id in run.options.register_stores},
        alias=decided.alias,
        gate=decided.reason,
        against=run.champion.version if run.champion else None,
        plots=plots,
    )
    return RegisteredFleet(run.registry.address, **vars(registered), gate=decided)


def _sales(prepared: Prepared, store_id: str) -> pd.DataFrame:
    """The days that a store was fitted on, as Prophet names them."""
    history = prepared.part_of(store_id).history(prepared.chain)
    row = history.store_ids.index(store_id)
    on = history.fitted_days()[row]
    days = as_dates(history.days[on]).astype("datetime64[ns]")
    return pd.DataFrame({"ds": days, "y": history.sales[row, on]})
