"""What a training says at its end: its result, and what MLflow notes of it."""

import numpy as np

from fleet import FleetContents
from fleet.arrays import as_dates
from training.backtest.scores import Scores
from training.errors import DataError, TooManyFailuresError
from training.options import Stages, TrainingOptions
from training.result import HistorySpan, StoreCounts, TrainingResult
from training.session import Run
from training.workers.chain_result import ChainResult
from training.workers.diagnose import Failure


def result_of(run: Run, gathered: ChainResult, scores: Scores | None) -> TrainingResult:
    """What the training read, fitted and judged; the registered version comes later."""
    prepared, chain = run.prepared, run.prepared.chain
    first, last, through = (str(day) for day in as_dates(np.array([chain.first_day, chain.last_day, chain.through])))
    fitted = int(gathered.contents.has_model.sum())
    failures = tuple(Failure(**failure) for failure in gathered.failures)
    return TrainingResult(
        engine=run.recipe.engine.name,
        runner=run.options.runner.name,
        refitted=fitted - len(gathered.kept),
        kept=len(gathered.kept),
        stores=StoreCounts(len(gathered.store_ids), fitted, len(gathered.too_short), len(failures)),
        history=HistorySpan(first, last, prepared.n_rows),
        calendar_through=through,
        failures=failures,
        too_short=tuple(store_id for store_id in gathered.store_ids if store_id in gathered.too_short),
        notices=prepared.notices.shown(),
        backtest=scores,
    )


def check_failures(result: TrainingResult, options: TrainingOptions) -> None:
    """Raises: TooManyFailuresError: more stores failed than the options allow; it carries the result."""
    stores = result.stores
    if stores.failed > options.max_failed_share * stores.total:
        some = "; ".join(f"store {failure.store}: {failure.reason}" for failure in result.failures[:5])
        error = TooManyFailuresError(
            f"wanted at most {options.max_failed_share:.0%} of {stores.total} stores to fail, {stores.failed} "
            f"did, so nothing was registered: {some}. Correct them, or raise --max-failed-share"
        )
        error.result = result.to_plain()
        raise error


def check_store_models(contents: FleetContents, options: TrainingOptions) -> None:
    """Raises: DataError: a store whose own model is to be registered has none."""
    with_model = {store_id for store_id, on in zip(contents.store_ids, contents.has_model, strict=True) if on}
    bad = [store_id for store_id in options.register_stores if store_id not in with_model]
    if bad:
        told = f"{', '.join(bad)} have none: leave them out, or put an id that has a comma in double quotes"
        raise DataError(f"wanted stores with a model for --register-stores: {told}")


def parameters_of(run: Run) -> dict[str, str | int]:
    """The parameters of the MLflow run."""
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


def metrics_of(result: TrainingResult, stages: Stages) -> dict[str, float]:
    """The metrics of the MLflow run: numbers of stores, seconds of stages, and the scores of the backtest."""
    metrics = {f"stores_{name}": float(value) for name, value in vars(result.stores).items()}
    metrics |= {"stores_refitted": float(result.refitted), "stores_kept": float(result.kept)}
    metrics |= {f"seconds_{name}": value for name, value in stages.seconds.items()}
    scores = vars(result.backtest) if result.backtest else {}
    return metrics | {name: value for name, value in scores.items() if isinstance(value, (int, float))}
