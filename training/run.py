"""One training run: read, judge on a backtest, fit, register. Every store ends with a forecast, or the run says why."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from fleet import Design, FleetContents
from fleet.arrays import as_dates
from fleet.design import Growth, Transform
from fleet.names import CHAMPION
from training import registry
from training.assemble import assemble
from training.backtest import n_fits, roll
from training.engine import Engine, Fits
from training.errors import DataError, TooManyFailuresError
from training.evaluate import Evaluation, evaluate
from training.features import retail_design
from training.gate import MARGIN, Gate, decide_alone, judge_champion
from training.history import History
from training.keep import Kept, fit_changed, unchanged
from training.mapping import ROSSMANN, Mapped
from training.plots import plot
from training.read import read_history
from training.variants import VARIANTS, Variant

Refit = Literal["changed", "all"]


class Reporter(Protocol):
    """Who is told how the run goes."""

    def stage(self, name: str, n_stores: int) -> None:
        """A stage begins; `n_stores` is 0 where it has no stores to count."""

    def advance(self, done: int, failed: int) -> None:
        """Stores done since the last call, and failed ones among them."""


class Quiet:
    """Tells nobody."""

    def stage(self, name: str, n_stores: int) -> None:
        """See `Reporter.stage`."""

    def advance(self, done: int, failed: int) -> None:
        """See `Reporter.advance`."""


@dataclass(frozen=True)
class TrainingOptions:
    """What to train on and how. `test_days`: horizon of the backtest, 0 for none; `n_folds`: its cutoffs.

    `max_failed_share`: share of stores whose fit may fail; over it nothing is registered.  `gate_margin`: share of the
    champion's WAPE that the new fleet may be worse by, None for no gate.  `refit`: `changed` keeps the
    champion's parameters of stores that are known as they were.  `dry_run`: register nothing, ask no registry.
    """

    data: Path
    stores: Path | None
    calendar: Path | None
    home: Path
    tracking_uri: str
    mapped: Mapped = ROSSMANN
    test_days: int = 42
    n_folds: int = 3
    variants: tuple[Variant, ...] = VARIANTS
    growth: Growth = "linear"
    transform: Transform = "log1p"
    register_stores: tuple[str, ...] = ()
    max_failed_share: float = 0.1
    gate_margin: float | None = MARGIN
    refit: Refit = "changed"
    dry_run: bool = False


class Stages:
    """Seconds of each stage, told to the reporter as they begin."""

    def __init__(self, reporter: Reporter) -> None:
        self.seconds: dict[str, float] = {}
        self._reporter = reporter

    @contextmanager
    def of(self, name: str, n_stores: int = 0) -> Iterator[None]:
        """Time what runs inside."""
        self._reporter.stage(name, n_stores)
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)


def train(options: TrainingOptions, engine: Engine, reporter: Reporter) -> dict[str, Any]:
    """Train a chain; the result as plain JSON values.

    Raises: DataError: the input has problems, or a store to register has no model.  TooManyFailuresError: over the
            threshold, nothing registered.  RegistryError.
    """
    stages = Stages(reporter)
    with stages.of("read"):
        history = read_history(
            options.data, options.stores, options.calendar, mapped=options.mapped, problems_in=options.home
        )
    champion = None
    if not options.dry_run:
        with stages.of("champion"):
            champion = registry.current_champion(options.tracking_uri, options.home)
    design = retail_design(history.calendar, growth=options.growth, transform=options.transform)
    evaluated = _evaluate(history, design, options, engine, stages, reporter) if options.test_days else None
    choice = evaluated.choice.candidate if evaluated else np.zeros(len(history.store_ids), dtype=np.int64)
    kept = _kept(champion, history, design, engine, options)
    with stages.of("fit", len(history.store_ids) * len(options.variants)):
        fits = fit_changed(history, design, engine, options.variants, choice, kept, reporter.advance)
    result = _result(history, fits, kept, engine.name) | (evaluated.summary if evaluated else {})
    _check_failures(result, options)
    verdict = evaluated.verdict if evaluated else None
    contents = assemble(history, design, fits, engine=engine.name, settings=_settings(options), verdict=verdict)
    _check_own_models(contents, options)
    if not options.dry_run:
        scores = evaluated.summary["backtest"] if evaluated else None
        gate = _gate(champion, history, design, options, engine, scores, stages, reporter)
        with tempfile.TemporaryDirectory() as folder:
            if evaluated:
                with stages.of("plots"):
                    plot(Path(folder), evaluated, history)
            with stages.of("register"):
                metrics = _metrics(result, stages)
                result["registered"] = _register(contents, history, options, engine, metrics, gate, Path(folder))
    return {**result, "seconds": stages.seconds}


def _settings(options: TrainingOptions) -> dict[str, Any]:
    """What, beside the engine and the design, decides a store's parameters."""
    return {
        "variants": [asdict(variant) for variant in options.variants],
        "test_days": options.test_days,
        "n_folds": options.n_folds,
    }


def _kept(
    champion: registry.Champion | None, history: History, design: Design, engine: Engine, options: TrainingOptions
) -> Kept | None:
    if champion is None or champion.fleet is None or options.refit == "all":
        return None
    return unchanged(champion.fleet, history, design, engine.name, _settings(options))


def _register(
    contents: FleetContents,
    history: History,
    options: TrainingOptions,
    engine: Engine,
    metrics: dict[str, float],
    gate: Gate,
    plots: Path,
) -> dict[str, Any]:
    registered = registry.register(
        options.tracking_uri,
        options.home,
        contents,
        history,
        parameters=_parameters(options, engine, history),
        metrics=metrics,
        store_ids=options.register_stores,
        alias=gate.alias,
        gate=gate.reason,
        plots=plots,
    )
    uri = registry.public_uri(options.tracking_uri)
    return {"tracking_uri": uri, **asdict(registered), "gate": asdict(gate)}


def _gate(
    champion: registry.Champion | None,
    history: History,
    design: Design,
    options: TrainingOptions,
    engine: Engine,
    scores: dict[str, Any] | None,
    stages: Stages,
    reporter: Reporter,
) -> Gate:
    if options.gate_margin is None:
        return Gate(CHAMPION, "the gate was switched off")
    if scores is None:
        return Gate(CHAMPION, "there was no backtest to judge by")
    if champion is None:
        return Gate(CHAMPION, "there was no champion before it")
    if champion.fleet is None:
        return decide_alone(scores, f"the champion, version {champion.version}, cannot be opened by this release")
    with stages.of("gate", n_fits(history, options.variants, options.test_days, options.n_folds)):
        return judge_champion(
            champion.version,
            champion.fleet,
            scores,
            options.gate_margin,
            history=history,
            design=design,
            engine=engine,
            variants=options.variants,
            n_folds=options.n_folds,
            progress=reporter.advance,
        )


def _evaluate(
    history: History, design: Design, options: TrainingOptions, engine: Engine, stages: Stages, reporter: Reporter
) -> Evaluation:
    horizon, n_folds = options.test_days, options.n_folds
    with stages.of("backtest", n_fits(history, options.variants, horizon, n_folds)):
        folds = roll(
            history,
            design,
            engine,
            options.variants,
            horizon_days=horizon,
            n_folds=n_folds,
            progress=reporter.advance,
        )
        return evaluate(folds, history, design, options.variants)


def _result(history: History, fits: Fits, kept: Kept | None, engine: str) -> dict[str, Any]:
    first, last = as_dates(history.days[[0, -1]])
    ids = history.store_ids
    n_kept = len(kept.rows) if kept else 0
    return {
        "engine": engine,
        "refitted": int(fits.fitted.sum()) - n_kept,
        "kept": n_kept,
        "stores": {
            "total": len(ids),
            "fitted": int(fits.fitted.sum()),
            "fallback_too_short": len(fits.too_short),
            "failed": len(fits.failures),
        },
        "history": {"from": str(first), "through": str(last), "rows": history.n_rows},
        "calendar_through": str(as_dates(history.days[:1] - history.first_day + history.calendar.last_day)[0]),
        "failures": [{"store": ids[row], "reason": reason} for row, reason in fits.failures.items()],
        "too_short": [ids[row] for row in fits.too_short],
    }


def _check_failures(result: dict[str, Any], options: TrainingOptions) -> None:
    stores, failures = result["stores"], result["failures"]
    if stores["failed"] > options.max_failed_share * stores["total"]:
        some = "; ".join(f"store {failure['store']}: {failure['reason']}" for failure in failures[:5])
        raise TooManyFailuresError(
            f"wanted at most {options.max_failed_share:.0%} of {stores['total']} stores to fail, {stores['failed']} "
            f"did, so nothing was registered: {some}. Mend them, or raise --max-failed-share"
        )


def _check_own_models(contents: FleetContents, options: TrainingOptions) -> None:
    with_model = {store_id for store_id, on in zip(contents.store_ids, contents.has_model, strict=True) if on}
    bad = [store_id for store_id in options.register_stores if store_id not in with_model]
    if bad:
        raise DataError(f"--register-stores wants stores with a model, {', '.join(bad)} have none: leave them out")


def _parameters(options: TrainingOptions, engine: Engine, history: History) -> dict[str, Any]:
    return {
        "engine": engine.name,
        "growth": options.growth,
        "transform": options.transform,
        "test_days": options.test_days,
        "n_stores": len(history.store_ids),
        "history_rows": history.n_rows,
        "n_folds": options.n_folds,
        "variants": ", ".join(variant.name for variant in options.variants),
    }


def _metrics(result: dict[str, Any], stages: Stages) -> dict[str, float]:
    metrics = {f"stores_{name}": float(value) for name, value in result["stores"].items()}
    metrics |= {f"stores_{name}": float(result[name]) for name in ("refitted", "kept")}
    metrics |= {f"seconds_{name}": value for name, value in stages.seconds.items()}
    scores = result.get("backtest", {})
    return metrics | {name: value for name, value in scores.items() if isinstance(value, (int, float))}
