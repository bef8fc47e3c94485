"""One training run: read, judge on a backtest, fit, register. Every store ends with a forecast, or the run says why."""

import math
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fleet import Fleet, FleetContents, StorecastError
from fleet.arrays import as_dates
from fleet.names import CHALLENGER, CHAMPION
from training import gate, gate_stores
from training.aside import aside
from training.assemble import with_verdict
from training.batched import BatchedEngine
from training.engine import Engine
from training.errors import AliasMovedError, DataError, TooManyFailuresError, WorkerLostError
from training.evaluate import Evaluation, evaluate
from training.features import design_of
from training.gate import Gate
from training.keep import Known, known_to
from training.lending import PARTS, STORES_ENOUGH, Lessons, lessons_of, marked
from training.options import Quiet, Reporter, Stages, TrainingOptions, stores_named
from training.prepare import Prepared, partition, prepare
from training.survey import Part
from training.tracking import public_uri
from training.work import Gathered, Job, LendJob, Recipe, contents_of, lend_part, trials_of, work

if TYPE_CHECKING:
    from training.registry import Champion

__all__ = ["Quiet", "TrainingOptions", "train"]


@dataclass(frozen=True)
class Run:
    """What the steps of a run share."""

    options: TrainingOptions
    prepared: Prepared
    recipe: Recipe
    stages: Stages
    champion: "Champion | None"

    def gather(self, recipe: Recipe, known: Known | None = None, *, fit: bool) -> Gathered:
        """Work on all partitions, and put the blocks together."""
        prepared, reporter = self.prepared, self.stages.reporter
        of_part = _stores_by_part(prepared)
        jobs = [
            Job(part, prepared.chain, recipe, _known_of(known, part, of_part[part.index]), fit)
            for part in prepared.parts
        ]
        gathered = Gathered(prepared.store_ids.tolist())
        for block in self.options.runner.run(work, jobs):
            gathered.put(block)
            reporter.advance(len(block.store_ids), len(block.failures))
        return gathered


def train(options: TrainingOptions, engine: Engine, reporter: Reporter) -> dict[str, Any]:
    """Train a chain; the result as plain JSON values.

    Raises: DataError: the input has problems, or a store to register has no model.  TooManyFailuresError: over the
            threshold, nothing registered.  RegistryError.  WorkerLostError.
    """
    stages = Stages(reporter)
    options.home.mkdir(parents=True, exist_ok=True)
    # On a cluster the workers read the partitions where they are written.
    with tempfile.TemporaryDirectory(dir=options.home, prefix="partitions-") as folder:
        with stages.of("partition"):
            partitioned = partition(options, Path(folder))
        # MLflow takes seconds to load and to be asked; meanwhile workers start and read.
        with aside(partial(_champion, options)) as asked:
            prepared = prepare(options, partitioned, stages)
            prepared.notices.save(options.home)
            design = design_of(prepared.chain.columns, growth=options.growth, transform=options.transform)
            recipe = Recipe(design, options.variants, engine, prepared.cutoffs, options.test_days)
            with stages.of("lessons"):
                recipe = replace(recipe, lessons=_lessons(recipe, prepared, options))
            with stages.of("champion"):
                champion = asked.result()
        own = stores_named(options.register_stores, prepared.store_ids.tolist())
        return _train(Run(replace(options, register_stores=own), prepared, recipe, stages, champion))


def _champion(options: TrainingOptions) -> "Champion | None":
    from training import registry  # noqa: PLC0415 - see `train`

    # A registry in a file that is not there yet is made when there is something to register.
    return (
        registry.current_champion(options.tracking_uri, options.home)
        if registry.is_there(options.tracking_uri)
        else None
    )


def _train(run: Run) -> dict[str, Any]:
    options, prepared, recipe, stages = run.options, run.prepared, run.recipe, run.stages
    # Matplotlib takes a while to load, too.
    with stages.of("models", len(prepared.store_ids)), aside(partial(import_module, "training.plots")):
        gathered = run.gather(recipe, _known(run), fit=True)
    result = _result(run, gathered)
    contents = contents_of(gathered.rows, gathered.store_ids, recipe, prepared.chain, options.settings())
    evaluated = _evaluate(gathered, recipe, prepared) if recipe.cutoffs else None
    if evaluated:
        result |= evaluated.summary
        contents = with_verdict(contents, evaluated.verdict)
    contents = marked(contents, recipe.lessons)
    if run.champion and run.champion.fleet and gathered.kept:
        kept = np.isin(contents.store_ids, sorted(gathered.kept))
        contents = gate_stores.carry_over(run.champion.fleet, run.champion.version, contents, kept)
    _check_failures(result, options)
    _check_own_models(contents, options)
    result |= _judged_and_registered(run, contents, result, evaluated)
    seconds = {name: round(spent, 3) for name, spent in gathered.seconds.items()}
    return {**result, "seconds": stages.seconds, "seconds_of_workers": seconds}


def _judged_and_registered(
    run: Run, contents: FleetContents, result: dict[str, Any], evaluated: Evaluation | None
) -> dict[str, Any]:
    """What the gates say, and what was registered by it, or would be; as parts of the result."""
    with tempfile.TemporaryDirectory() as folder:
        while True:
            decided, rival = _gate(run, evaluated)
            ours, told = contents, {}
            if rival and evaluated:
                ours, told["held_back"] = _hold_back(run, contents, evaluated, rival)
            if run.options.dry_run:
                return {**told, "would_register": {"alias": decided.alias, "gate": asdict(decided)}}
            if evaluated and not any(Path(folder).iterdir()):
                _plot(run, evaluated, Path(folder))
            try:
                with run.stages.of("register"):
                    return {**told, "registered": _register(run, ours, result, decided, Path(folder))}
            except AliasMovedError:
                # Another training came first: its fleet is the one to be judged against.
                with run.stages.of("champion"):
                    run = replace(run, champion=_champion(run.options))


def _plot(run: Run, evaluated: Evaluation, folder: Path) -> None:
    with run.stages.of("plots"):
        from training.plots import plot  # noqa: PLC0415 - see `train`

        plot(folder, evaluated, run.prepared.store_ids.tolist())


def _lessons(recipe: Recipe, prepared: Prepared, options: TrainingOptions) -> Lessons:
    """What stores of the first partitions teach; nothing where another engine fits."""
    if recipe.engine.name != "batched":
        return {}
    jobs, n_stores = [], 0
    share = math.ceil(STORES_ENOUGH / min(len(prepared.parts), PARTS))
    of_part = _stores_by_part(prepared)
    for part in prepared.parts:
        if n_stores < STORES_ENOUGH:
            jobs.append(LendJob(part, prepared.chain, recipe, share))
            n_stores += min(len(of_part[part.index]), share)
    # They come as they are ready; sums of numbers depend on their order.
    lent = sorted(options.runner.run(lend_part, jobs), key=itemgetter(0))
    return lessons_of([part for _, part in lent], recipe.design, recipe.variants)


def _stores_by_part(prepared: Prepared) -> dict[int, list[str]]:
    stores: dict[int, list[str]] = {part.index: [] for part in prepared.parts}
    for store_id in prepared.store_ids.tolist():
        stores[prepared.part_of(store_id).index].append(store_id)
    return stores


def _known(run: Run) -> Known | None:
    champion = run.champion.fleet if run.champion else None
    if champion is None or run.options.refit == "all":
        return None
    return known_to(champion, run.recipe.design, run.recipe.engine.name, run.options.settings())


def _known_of(known: Known | None, part: Part, store_ids: list[str]) -> Known | None:
    """What is known of a partition's stores, but of faulty ones: what is left of their rows may be as before."""
    return known.of(store_id for store_id in store_ids if store_id not in part.faulty) if known else None


def _evaluate(gathered: Gathered, recipe: Recipe, prepared: Prepared) -> Evaluation:
    trials, choice = trials_of(gathered.rows, recipe.cutoffs)
    return evaluate(
        trials,
        choice,
        recipe.design,
        recipe.variants,
        groups=prepared.groups,
        seasonal_mae=gathered.rows["seasonal_mae"],
        sells_zeros=gathered.rows["sells_zeros"],
    )


def _gate(run: Run, evaluated: Evaluation | None) -> tuple[Gate, Evaluation | None]:
    """What the new fleet may become; and how the champion's recipe did, where it is another one."""
    champion, margin = run.champion, run.options.gate_margin
    if champion is None or margin is None:
        why = "there was no champion before it" if champion is None else "the gate was switched off"
        return Gate(CHAMPION, why), None
    if evaluated is None:
        return Gate(CHALLENGER, "there was no backtest to judge it by: see --test-days, or --gate-margin none"), None
    scores, told = evaluated.summary["backtest"], f"version {champion.version}"
    if champion.fleet is None:
        return gate.decide_alone(scores, f"the champion, {told}, cannot be opened by this release"), None
    if gate.same_recipe(champion.fleet, run.recipe.design, run.recipe.engine.name, run.options.settings()):
        return gate.decide_same(scores, told), None
    try:
        rival = _rival(run, champion.fleet)
    except WorkerLostError:
        raise
    except (StorecastError, KeyError, TypeError) as error:
        return gate.decide_alone(scores, f"{told} cannot be judged on this history ({error})"), None
    return gate.decide(scores, rival.summary["backtest"]["wape"], margin, told), rival


def _rival(run: Run, champion: Fleet) -> Evaluation:
    """The champion's recipe on the same folds.

    Where the engines differ, the batched one fits it: it finds what stock Prophet finds, and knows every variant.
    """
    engine = run.recipe.engine if champion.engine == run.recipe.engine.name else BatchedEngine()
    its = replace(run.recipe, design=champion.design, variants=gate.variants_of(champion), engine=engine, lessons={})
    with run.stages.of("gate", len(run.prepared.store_ids)):
        if champion.engine == engine.name and champion.settings.get("borrowing"):  # stock Prophet borrows nothing
            its = replace(its, lessons=_lessons(its, run.prepared, run.options))
        return _evaluate(run.gather(its, fit=False), its, run.prepared)


def _hold_back(
    run: Run, contents: FleetContents, evaluated: Evaluation, rival: Evaluation
) -> tuple[FleetContents, list[dict[str, Any]]]:
    """The fleet with the champion's rows of the stores that its recipe forecasts clearly better."""
    champion = run.champion
    if champion is None or champion.fleet is None:
        return contents, []
    ours, its = (
        gate_stores.fold_wapes(judged.value, judged.actual, judged.counts, len(run.recipe.cutoffs))
        for judged in (evaluated.judged, rival.judged)
    )
    worse = gate_stores.clearly_worse(ours, its)
    contents, held = gate_stores.keep_rows(champion.fleet, champion.version, contents, worse)
    return contents, [one._asdict() for one in held]


def _register(run: Run, contents: FleetContents, result: dict[str, Any], decided: Gate, plots: Path) -> dict[str, Any]:
    from training import registry  # noqa: PLC0415 - see `train`

    options = run.options
    registered = registry.register(
        options.tracking_uri,
        options.home,
        contents,
        parameters=_parameters(run),
        metrics=_metrics(result, run.stages),
        own_sales={store_id: _sales(run.prepared, store_id) for store_id in options.register_stores},
        alias=decided.alias,
        gate=decided.reason,
        against=run.champion.version if run.champion else None,
        plots=plots,
    )
    uri = public_uri(options.tracking_uri)
    return {"tracking_uri": uri, **asdict(registered), "gate": asdict(decided)}


def _sales(prepared: Prepared, store_id: str) -> pd.DataFrame:
    """The days that a store was fitted on, as Prophet names them."""
    history = prepared.part_of(store_id).history(prepared.chain)
    row = history.store_ids.index(store_id)
    on = history.fitted_days()[row]
    days = as_dates(history.days[on]).astype("datetime64[ns]")
    return pd.DataFrame({"ds": days, "y": history.sales[row, on]})


def _result(run: Run, gathered: Gathered) -> dict[str, Any]:
    prepared, chain = run.prepared, run.prepared.chain
    first, last, through = (str(day) for day in as_dates(np.array([chain.first_day, chain.last_day, chain.through])))
    fitted = int(gathered.rows["has_model"].sum())
    ids = gathered.store_ids
    return {
        "engine": run.recipe.engine.name,
        "runner": run.options.runner.name,
        "refitted": fitted - len(gathered.kept),
        "kept": len(gathered.kept),
        "stores": {
            "total": len(ids),
            "fitted": fitted,
            "fallback_too_short": len(gathered.too_short),
            "failed": len(gathered.failures),
        },
        "history": {"from": first, "through": last, "rows": prepared.n_rows},
        "calendar_through": through,
        "failures": gathered.failures,
        "too_short": [store_id for store_id in ids if store_id in gathered.too_short],
        "notices": prepared.notices.to_plain(),
    }


def _check_failures(result: dict[str, Any], options: TrainingOptions) -> None:
    stores, failures = result["stores"], result["failures"]
    if stores["failed"] > options.max_failed_share * stores["total"]:
        some = "; ".join(f"store {failure['store']}: {failure['reason']}" for failure in failures[:5])
        error = TooManyFailuresError(
            f"wanted at most {options.max_failed_share:.0%} of {stores['total']} stores to fail, {stores['failed']} "
            f"did, so nothing was registered: {some}. Mend them, or raise --max-failed-share"
        )
        error.result = {**result, "registered": None}
        raise error


def _check_own_models(contents: FleetContents, options: TrainingOptions) -> None:
    with_model = {store_id for store_id, on in zip(contents.store_ids, contents.has_model, strict=True) if on}
    bad = [store_id for store_id in options.register_stores if store_id not in with_model]
    if bad:
        told = f"{', '.join(bad)} have none: leave them out, or put an id that has a comma in double quotes"
        raise DataError(f"--register-stores wants stores with a model, {told}")


def _parameters(run: Run) -> dict[str, Any]:
    options, prepared = run.options, run.prepared
    return {
        "engine": run.recipe.engine.name,
        "runner": options.runner.name,
        "growth": options.growth,
        "transform": options.transform,
        "test_days": options.test_days,
        "n_stores": len(prepared.store_ids),
        "history_rows": prepared.n_rows,
        "n_folds": options.n_folds,
        "variants": ", ".join(variant.name for variant in options.variants),
    }


def _metrics(result: dict[str, Any], stages: Stages) -> dict[str, float]:
    metrics = {f"stores_{name}": float(value) for name, value in result["stores"].items()}
    metrics |= {f"stores_{name}": float(result[name]) for name in ("refitted", "kept")}
    metrics |= {f"seconds_{name}": value for name, value in stages.seconds.items()}
    scores = result.get("backtest", {})
    return metrics | {name: value for name, value in scores.items() if isinstance(value, (int, float))}
