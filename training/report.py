"""What a training says at its end: its result, and what MLflow notes of it."""

from typing import Any

import numpy as np

from fleet import FleetContents
from fleet.arrays import as_dates
from training.errors import DataError, TooManyFailuresError
from training.options import Stages, TrainingOptions
from training.session import Run
from training.workers.chain_result import ChainResult


def result_of(run: Run, gathered: ChainResult) -> dict[str, Any]:
    """What the training read and fitted, as plain JSON values; scores and the registered version come later."""
    prepared, chain = run.prepared, run.prepared.chain
    first, last, through = (str(day) for day in as_dates(np.array([chain.first_day, chain.last_day, chain.through])))
    fitted = int(gathered.contents.has_model.sum())
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


def check_failures(result: dict[str, Any], options: TrainingOptions) -> None:
    """Raises: TooManyFailuresError: more stores failed than the options allow; it carries the result."""
    stores, failures = result["stores"], result["failures"]
    if stores["failed"] > options.max_failed_share * stores["total"]:
        some = "; ".join(f"store {failure['store']}: {failure['reason']}" for failure in failures[:5])
        error = TooManyFailuresError(
            f"wanted at most {options.max_failed_share:.0%} of {stores['total']} stores to fail, {stores['failed']} "
            f"did, so nothing was registered: {some}. Mend them, or raise --max-failed-share"
        )
        error.result = {**result, "registered": None}
        raise error


def check_store_models(contents: FleetContents, options: TrainingOptions) -> None:
    """Raises: DataError: a store whose own model is to be registered has none."""
    with_model = {store_id for store_id, on in zip(contents.store_ids, contents.has_model, strict=True) if on}
    bad = [store_id for store_id in options.register_stores if store_id not in with_model]
    if bad:
        told = f"{', '.join(bad)} have none: leave them out, or put an id that has a comma in double quotes"
        raise DataError(f"--register-stores wants stores with a model, {told}")


def parameters_of(run: Run) -> dict[str, Any]:
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


def metrics_of(result: dict[str, Any], stages: Stages) -> dict[str, float]:
    """The metrics of the MLflow run: numbers of stores, seconds of stages, and the scores of the backtest."""
    metrics = {f"stores_{name}": float(value) for name, value in result["stores"].items()}
    metrics |= {f"stores_{name}": float(result[name]) for name in ("refitted", "kept")}
    metrics |= {f"seconds_{name}": value for name, value in stages.seconds.items()}
    scores = result.get("backtest", {})
    return metrics | {name: value for name, value in scores.items() if isinstance(value, (int, float))}
