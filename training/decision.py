"""What a new fleet may become: the gate of the fleet and of its stores, against the champion."""

from dataclasses import replace

from fleet import Fleet, FleetContents, StorecastError
from fleet.names import CHALLENGER, CHAMPION
from training.backtest.evaluate import Evaluation
from training.champion import fleet_gate, store_gate
from training.champion.fleet_gate import Gate
from training.champion.store_gate import HeldBackStore
from training.engines.batched import BatchedEngine
from training.errors import WorkerLostError
from training.session import Run, collect_group_priors, evaluated_on


def decide(run: Run, evaluated: Evaluation | None) -> tuple[Gate, Evaluation | None]:
    """What the new fleet may become; and how the champion's recipe did, where it is another one."""
    champion, margin = run.champion, run.options.gate_margin
    if champion is None or margin is None:
        why = "there was no champion before it" if champion is None else "the gate was switched off"
        return Gate(CHAMPION, why), None
    if evaluated is None:
        return Gate(CHALLENGER, "there was no backtest to judge it by: see --test-days, or --gate-margin none"), None
    scores, told = evaluated.scores, f"version {champion.version}"
    if champion.fleet is None:
        return fleet_gate.decide_alone(scores, f"the champion, {told}, cannot be opened by this release"), None
    if fleet_gate.same_recipe(champion.fleet, run.recipe.design, run.recipe.engine.name, run.options.settings()):
        return fleet_gate.decide_same(scores, told), None
    try:
        rival = _rival(run, champion.fleet)
    except WorkerLostError:
        raise
    except (StorecastError, KeyError, TypeError) as error:
        return fleet_gate.decide_alone(scores, f"{told} cannot be judged on this history ({error})"), None
    return fleet_gate.decide(scores, rival.scores.wape, margin, told), rival


def _rival(run: Run, champion: Fleet) -> Evaluation:
    """The champion's recipe on the same folds.

    Where the engines differ, the batched one fits it: it finds what stock Prophet finds, and knows every variant.
    """
    engine = run.recipe.engine if champion.engine == run.recipe.engine.name else BatchedEngine()
    its = replace(
        run.recipe, design=champion.design, variants=fleet_gate.variants_of(champion), engine=engine, group_priors={}
    )
    with run.stages.of("gate", len(run.prepared.store_ids)):
        if champion.engine == engine.name and champion.settings.get("borrowing"):  # stock Prophet pools nothing
            its = replace(its, group_priors=collect_group_priors(its, run.prepared, run.options))
        return evaluated_on(run.gather(its, fit=False), its, run.prepared)


def hold_back(
    run: Run, contents: FleetContents, evaluated: Evaluation, rival: Evaluation
) -> tuple[FleetContents, tuple[HeldBackStore, ...]]:
    """The fleet with the champion's rows of the stores that its recipe forecasts clearly better."""
    champion = run.champion
    if champion is None or champion.fleet is None:
        return contents, ()
    ours, its = (
        store_gate.fold_wapes(judged.value, judged.actual, judged.counts, len(run.recipe.cutoffs))
        for judged in (evaluated.judged, rival.judged)
    )
    worse = store_gate.clearly_worse(ours, its)
    return store_gate.keep_rows(champion.fleet, champion.version, contents, worse)
