"""What the gate lets through."""

from dataclasses import asdict, replace

import pytest
from support import fleets

from fleet import Fleet
from fleet.names import CHALLENGER, CHAMPION
from training.backtest.scores import GroupScores
from training.champion.fleet_gate import decide, decide_alone, decide_same, same_recipe, variants_of
from training.pooling.variants import VARIANTS

SCORES = GroupScores(
    rmspe=0.12,
    wape=0.102,
    bias=0.0,
    baseline_rmspe=0.2,
    baseline_wape=0.15,
    baseline_bias=0.0,
    mase=0.8,
    coverage_80=0.8,
    width_80=0.3,
    days=100,
    days_without_sales=0,
)


@pytest.mark.parametrize(
    ("champion", "margin", "alias"),
    [(0.2, 0.0, CHAMPION), (0.102, 0.0, CHAMPION), (0.1, 0.021, CHAMPION), (0.1, 0.019, CHALLENGER)],
)
def test_a_fleet_may_be_worse_than_the_champion_by_the_margin_only(champion: float, margin: float, alias: str) -> None:
    gate = decide(SCORES, champion, margin, "version 1")
    assert gate.alias == alias
    assert (gate.judged_by, gate.wape, gate.champion_wape) == ("champion", 0.102, champion)
    assert ("not worse" in gate.reason) == (alias == CHAMPION)


@pytest.mark.parametrize(("baseline", "alias"), [(0.102, CHAMPION), (0.1, CHALLENGER)])
def test_where_no_champion_can_be_compared_the_naive_baseline_is(baseline: float, alias: str) -> None:
    gate = decide_alone(replace(SCORES, baseline_wape=baseline), "the champion cannot be opened")
    assert (gate.alias, gate.judged_by) == (alias, "baseline")
    assert gate.reason.startswith("the champion cannot be opened; ")


def test_a_fleet_without_a_score_is_no_champion() -> None:
    assert decide(replace(SCORES, wape=float("nan")), 0.1, 0.0, "version 1").alias == CHALLENGER
    assert decide_alone(replace(SCORES, wape=float("nan")), "why").alias == CHALLENGER


def test_the_variants_of_a_fleet_are_read_back_from_its_settings() -> None:
    settings = {"variants": [asdict(variant) for variant in VARIANTS]}
    assert variants_of(Fleet.from_contents(replace(fleets.contents(), settings=settings))) == VARIANTS
    with pytest.raises(KeyError):
        variants_of(Fleet.from_contents(fleets.contents()))


def test_the_champions_own_recipe_must_still_beat_the_naive_baseline() -> None:
    same = decide_same(SCORES, "version 7")
    assert (same.alias, same.judged_by, same.champion_wape) == (CHAMPION, "champion", SCORES.wape)
    assert "version 7, is of the same recipe" in same.reason
    assert decide_same(replace(SCORES, baseline_wape=0.1), "version 7").alias == CHALLENGER


def test_a_champion_that_pools_otherwise_or_was_fitted_by_another_engine_is_of_another_recipe() -> None:
    settings = {"variants": [asdict(variant) for variant in VARIANTS], "borrowing": {"stores": 256}}
    contents = replace(fleets.contents(), settings=settings)
    champion = Fleet.from_contents(contents)
    assert same_recipe(champion, contents.design, contents.engine, settings)
    assert not same_recipe(champion, contents.design, contents.engine, {**settings, "borrowing": {}})
    assert not same_recipe(champion, contents.design, "stan", settings)
    assert not same_recipe(champion, replace(contents.design, growth="flat"), contents.engine, settings)
